"""Reads a .csv or .parquet list of sources, a million rows of it in a few seconds.

Columns: `uri` (needed; relative ones are relative to the manifest), and if there are any, `licence`,
`consent`, `speaker`, `size`, `mtime_ns`. Rows that carry size and mtime_ns are believed: no file is
looked at, which is what makes a large object store listable.
"""

import gc
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import compress
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from storage.listing import Listing, SourceError, add_local, make_source, reject
from storage.store import Store

TEXTS = ("uri", "licence", "consent", "speaker")
NUMBERS = ("size", "mtime_ns")
ABSOLUTE = r"^(/|[A-Za-z][A-Za-z0-9+.-]*://)"
UNTIDY = r"(^|/)\.{1,2}(/|$)|//"


def list_manifest(path: str, store: Store, licence: str, consent: str, listing: Listing) -> set[str]:
    """Adds every row to `listing`; answers the uris it names, so that a folder lists them only once."""
    path = path if "://" in path else os.path.abspath(path)
    table = _read(path, store)
    rows = {
        "uri": _resolved(table["uri"], path.rpartition("/")[0]),
        "size": table["size"],
        "mtime_ns": table["mtime_ns"],
        "licence": _or_default(table["licence"], licence),
        "consent": _or_default(table["consent"], consent),
        "speaker": _or_default(table["speaker"], ""),
    }
    with _no_collection():
        columns = [rows[name].to_pylist() for name in rows]
        return _add_rows(columns, store, listing)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Millions of new objects, none of them in a cycle: the collector would walk them all, many times."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _add_rows(columns: list[list], store: Store, listing: Listing) -> set[str]:
    uris, sizes, times = columns[:3]
    seen = set(uris)
    plain = len(seen) == len(uris) and None not in seen and "" not in seen
    given = [s is not None and t is not None for s, t in zip(sizes, times, strict=True)]
    if plain and all(given):
        listing.sources += map(make_source, *columns)
        return seen
    first = _first_rows(uris, listing)
    for row in compress(zip(*columns, given, strict=True), first):
        _add_row(row, store, listing)
    return seen - {None, ""}


def _first_rows(uris: list, listing: Listing) -> list[bool]:
    """Which rows count: those with a uri that no row before them has."""
    seen: set[str] = set()
    keep = []
    for number, uri in enumerate(uris, 1):
        if not uri:
            reject(listing, f"row {number}", "no_uri", f"row {number} of the manifest names no file")
        elif uri in seen:
            reject(listing, uri, "duplicate", f"row {number} of the manifest names it a second time")
        keep.append(bool(uri) and uri not in seen)
        seen.add(uri)
    return keep


def _add_row(row: tuple, store: Store, listing: Listing) -> None:
    uri, size, mtime_ns, licence, consent, speaker, given = row
    if given:
        listing.sources.append(make_source(uri, size, mtime_ns, licence, consent, speaker))
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
    filled = pc.fill_null(column, default)
    return pc.if_else(pc.equal(filled, ""), default, filled) if default else filled


def _resolved(uris: Any, folder: str) -> Any:
    """Whole-column work; only paths with `..` or `//` in them are tidied one by one."""
    inside = pc.binary_join_element_wise(folder, uris, "/")
    known = pc.or_kleene(pc.match_substring_regex(uris, ABSOLUTE), pc.equal(uris, ""))
    whole = pc.if_else(known, uris, inside)
    if not pc.any(pc.match_substring_regex(uris, UNTIDY)).as_py():
        return whole
    return pa.chunked_array([[_tidy(uri) for uri in whole.to_pylist()]], pa.string())


def _tidy(uri: str | None) -> str | None:
    return os.path.normpath(uri) if uri and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", uri) else uri
