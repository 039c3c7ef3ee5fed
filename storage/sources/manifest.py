"""Reads a .csv or .parquet list of sources, a million rows of it in a few seconds.

Columns: `uri` (needed; relative ones are relative to the manifest), and if there are any, `licence`, `consent`,
`speaker`, `size`, `mtime_ns`. Rows that carry size and mtime_ns are believed: no file is looked at, which is
what makes a large object store listable.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from storage.sources.header import KNOWN, NUMBERS, TEXTS, check_header
from storage.sources.listing import Listing, SourceError, make_source, make_sources, refuse, reject
from storage.sources.local_file import add_local
from storage.sources.places import resolved
from storage.sources.repeated_rows import repeated_rows
from storage.sources.rights import given_column, named_column
from storage.store import Store

MANIFEST = "manifest.csv"
"""The name by which a manifest is found in a folder or at a prefix."""


def list_manifest(path: str, store: Store, licence: str, consent: str, listing: Listing) -> pa.ChunkedArray:
    """Adds every row to `listing`; answers the uris it names, so that a folder lists them only once."""
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
    return rows["uri"]


def _rows(table: pa.Table, folder: str, licence: str, consent: str) -> pa.Table:
    """As `make_source` takes them: whole uris, and rights from the options where the manifest says nothing."""
    columns = {
        "uri": resolved(table["uri"], folder),
        "size": table["size"],
        "mtime_ns": table["mtime_ns"],
        "licence": _each(table["licence"], lambda texts: _or_default(given_column(texts), licence)),
        "consent": _each(table["consent"], lambda texts: _or_default(given_column(texts), consent)),
        "speaker": _each(table["speaker"], named_column),
    }
    return pa.table(columns)


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
    if not any(rows[name].null_count for name in ("uri", "size", "mtime_ns")):
        listing.sources += make_sources(rows.columns)
        return
    for number, *row in zip(numbers.tolist(), *(column.to_pylist() for column in rows.columns), strict=True):
        _add_row(number, tuple(row), store, listing)


def _add_row(number: int, row: tuple, store: Store, listing: Listing) -> None:
    uri, size, mtime_ns, licence, consent, speaker = row
    if uri is None:
        reject(listing, f"row {number}", "no_uri", f"row {number} of the manifest names no file")
    elif size is not None and mtime_ns is not None:
        listing.sources.append(make_source(*row))
    elif "://" not in uri:
        add_local(uri, licence, consent, speaker, listing)
    else:
        _add_remote(uri, licence, consent, speaker, store, listing)


def _add_remote(uri: str, licence: str, consent: str, speaker: str, store: Store, listing: Listing) -> None:
    try:
        size, mtime_ns = store.stat(uri)
    except FileNotFoundError:
        return reject(listing, uri, "missing", "there is no such object; is the manifest up to date?")
    except (OSError, ValueError, ImportError) as error:
        return reject(listing, uri, "unreadable", f"the store cannot be asked about it: {error}")
    listing.sources.append(make_source(uri, size, mtime_ns, licence, consent, speaker))
    return None


def _read(path: str, store: Store) -> pa.Table:
    """The known columns, in known types; the ones that aren't there as nulls."""
    types = {**dict.fromkeys(TEXTS, pa.string()), **dict.fromkeys(NUMBERS, pa.int64())}
    try:
        with store.open(path) as file:
            table = _read_parquet(path, file) if path.endswith(".parquet") else _read_csv(path, file, types)
        missing = {name: pa.nulls(len(table), kind) for name, kind in types.items()}
        columns = {name: table[name] if name in table.column_names else missing[name] for name in types}
        return pa.table({name: pc.cast(column, types[name]) for name, column in columns.items()})
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
