"""Reads a .csv or .parquet list of sources, a million rows of it in a few seconds.

Columns: `uri` (needed; relative ones are relative to the manifest), and if there are any, `licence`, `consent`,
`speaker`, `size`, `mtime_ns`, `companion` (the other half of a pair, relative as `uri` is), `origin`.
Rows that carry size and mtime_ns are believed: no file is looked at, which is
what makes a large object store listable. Companions are always looked at.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from storage.addresses import may_be_refused, refusal, told_plainly
from storage.sources.companions import add_file, add_pair
from storage.sources.header import KNOWN, NUMBERS, TEXTS, check_header
from storage.sources.listing import Listing, SourceError, make_source, make_sources, refuse, reject
from storage.sources.places import resolved
from storage.sources.repeated_rows import repeated_rows
from storage.sources.rights import given_column, named_column
from storage.store import Store

MANIFEST = "manifest.csv"
"""The name by which a manifest is found in a folder or at a prefix."""
PAIRED = ("companion", "origin")


def list_manifest(path: str, store: Store, licence: str, consent: str, listing: Listing) -> pa.Table:
    """Adds every row to `listing`; answers the rows, by which a folder knows what is listed already."""
    path = path if "://" in path else os.path.abspath(os.path.expanduser(path))
    rows = _rows(_read(path, store), path.rpartition("/")[0], licence, consent)
    refused = repeated_rows(path, rows)
    for row, code, reason in refused:
        alone = Listing()
        _add_row(row.number, row[1:], store, alone)
        listing.rejected += alone.rejected  # what is not even there
        for source in alone.sources:
            refuse(listing, source, code, reason)
    _add_rows(rows, {row.number for row, _, _ in refused}, store, listing)
    return rows


def files_named(rows: pa.Table) -> set[str]:
    """All files that a manifest's rows name: a companion is no source of its own because it lies in the folder."""
    return {*rows["uri"].to_pylist(), *rows["companion"].to_pylist()}


def _rows(table: pa.Table, folder: str, licence: str, consent: str) -> pa.Table:
    """As `make_source` takes them: whole uris, and rights from the options where the manifest says nothing."""
    columns = {
        "uri": resolved(table["uri"], folder),
        "size": table["size"],
        "mtime_ns": table["mtime_ns"],
        "licence": _each(table["licence"], lambda texts: _or_default(given_column(texts), licence)),
        "consent": _each(table["consent"], lambda texts: _or_default(given_column(texts), consent)),
        "speaker": _each(table["speaker"], named_column),
        "companion": resolved(_named(table["companion"]), folder),
        "origin": pc.utf8_lower(_named(table["origin"])),
    }
    return pa.table(columns)


def _named(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column if column.null_count == len(column) else named_column(column)


def _each(column: pa.ChunkedArray, change: Callable[[Any], Any]) -> pa.DictionaryArray:
    """What `change` makes of a column, done once per distinct text: a million rows have few of them."""
    texts = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    return pa.DictionaryArray.from_arrays(texts.indices, change(texts.dictionary))


def _add_rows(rows: pa.Table, without: set[int], store: Store, listing: Listing) -> None:
    """All rows but those with these numbers, which count from 1."""
    numbers = np.arange(1, len(rows) + 1)
    if without:
        chosen = ~np.isin(numbers, list(without))
        numbers, rows = numbers[chosen], rows.filter(pa.array(chosen))
    alone = rows["companion"].null_count == len(rows)
    odd = may_be_refused(rows["uri"])
    if alone and not odd and not any(rows[name].null_count for name in ("uri", "size", "mtime_ns")):
        listing.sources += make_sources(rows.drop_columns(PAIRED).columns)
        return
    for number, *row in zip(numbers.tolist(), *(column.to_pylist() for column in rows.columns), strict=True):
        _add_row(number, tuple(row), store, listing)


def _add_row(number: int, row: tuple, store: Store, listing: Listing) -> None:
    uri, size, mtime_ns, licence, consent, speaker, companion, origin = row
    alone = Listing()
    if uri is None:
        reject(listing, f"row {number}", "no_uri", f"row {number} of the manifest names no file")
    elif size is not None and mtime_ns is not None and not refusal(uri):
        alone.sources.append(make_source(uri, size, mtime_ns, licence, consent, speaker))
    else:
        add_file(uri, licence, consent, speaker, store, alone)
    listing.rejected += alone.rejected
    if companion is None:
        listing.sources += alone.sources
    else:
        for source in alone.sources:
            add_pair(source, companion, origin, store, listing)


def _read(path: str, store: Store) -> pa.Table:
    """The known columns, in known types; the ones that aren't there as nulls."""
    types = {**dict.fromkeys(TEXTS, pa.string()), **dict.fromkeys(NUMBERS, pa.int64())}
    try:
        with told_plainly(path), store.open(path) as file:
            table = _read_parquet(path, file) if path.endswith(".parquet") else _read_csv(path, file, types)
        missing = {name: pa.nulls(len(table), kind) for name, kind in types.items()}
        columns = {name: table[name] if name in table.column_names else missing[name] for name in types}
        return pa.table({name: pc.cast(column, types[name]) for name, column in columns.items()})
    except OSError as error:
        raise SourceError(f"{path} cannot be read as a manifest: {error.strerror or error}") from error
    except pa.ArrowInvalid as error:
        raise SourceError(f"{path} cannot be read as a manifest: {error}") from error


def _read_parquet(path: str, file: Any) -> pa.Table:
    names = pa.parquet.read_schema(file).names
    check_header(path, names)
    file.seek(0)
    return pa.parquet.read_table(file, columns=[n for n in names if n in KNOWN])


def _read_csv(path: str, file: Any, types: dict[str, pa.DataType]) -> pa.Table:
    convert = pa.csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
    table = pa.csv.read_csv(file, convert_options=convert)
    check_header(path, table.column_names)
    return table


def _or_default(column: Any, default: str) -> Any:
    return pc.if_else(pc.equal(column, ""), default, column) if default else column
