"""Reads a .csv or .parquet list of sources, a million rows of it in a few seconds.

Columns: `uri` (needed; relative ones are relative to the manifest), and if there are any, `licence`,
`consent`, `speaker`, `size`, `mtime_ns`. Rows that carry size and mtime_ns are believed: no file is
looked at, which is what makes a large object store listable.
"""

import os
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from storage.listing import Listing, SourceError, add_local, make_source, make_sources, reject
from storage.store import Store

TEXTS = ("uri", "licence", "consent", "speaker")
NUMBERS = ("size", "mtime_ns")


def list_manifest(path: str, store: Store, licence: str, consent: str, listing: Listing) -> list[str]:
    """Adds every row to `listing`; answers the uris it names, so that a folder lists them only once."""
    path = path if "://" in path else os.path.abspath(path)
    table = _read(path, store)
    uris = _resolved(table["uri"], path.rpartition("/")[0])
    licences, consents = _or_default(table["licence"], licence), _or_default(table["consent"], consent)
    columns = [uris, table["size"], table["mtime_ns"], licences, consents, _or_default(table["speaker"], "")]
    if uris.null_count == table["size"].null_count == table["mtime_ns"].null_count == 0:
        listing.sources += make_sources(columns)
    else:
        for number, row in enumerate(zip(*(column.to_pylist() for column in columns), strict=True), 1):
            _add_row(number, row, store, listing)
    return uris.to_pylist()


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
            table = _read_parquet(file) if path.endswith(".parquet") else _read_csv(file, types)
        if "uri" not in table.column_names:
            raise SourceError(f"{path} has no `uri` column but {', '.join(table.column_names) or 'nothing'}")
        missing = {name: pa.nulls(len(table), kind) for name, kind in types.items()}
        columns = {name: table[name] if name in table.column_names else missing[name] for name in types}
        return pa.table({name: pc.cast(column, types[name]) for name, column in columns.items()})
    except pa.ArrowInvalid as error:
        raise SourceError(f"{path} cannot be read as a manifest: {error}") from error


def _read_parquet(file: Any) -> pa.Table:
    names = pa.parquet.read_schema(file).names
    file.seek(0)
    return pa.parquet.read_table(file, columns=[n for n in names if n in TEXTS + NUMBERS])


def _read_csv(file: Any, types: dict[str, pa.DataType]) -> pa.Table:
    convert = pa.csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
    return pa.csv.read_csv(file, convert_options=convert)


def _or_default(column: Any, default: str) -> Any:
    filled = pc.fill_null(column, default) if column.null_count else column
    return pc.if_else(pc.equal(filled, ""), default, filled) if default else filled


def _resolved(uris: Any, folder: str) -> Any:
    """Whole-column work; only where some path has `./` or `../` in it are they tidied one by one."""
    uris = pc.if_else(pc.equal(uris, ""), pa.scalar(None, pa.string()), uris)
    absolute = pc.or_(pc.starts_with(uris, "/"), pc.match_substring(uris, "://"))
    whole = pc.if_else(absolute, uris, pc.binary_join_element_wise(folder, uris, "/"))
    if not pc.any(pc.match_substring(uris, "./")).as_py():
        return whole
    return pa.chunked_array([[_tidy(uri) for uri in whole.to_pylist()]], pa.string())


def _tidy(uri: str | None) -> str | None:
    return os.path.normpath(uri) if uri and "://" not in uri else uri
