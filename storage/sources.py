"""What we were given: every video file behind a folder, glob, prefix or manifest, listed once.

    listing = list_sources("/data/videos", Store())
    listing.sources     # to be processed
    listing.rejected    # (source, code, reason): duplicates, unreadable files, pipes, broken links

Nothing is dropped in silence and nothing raises because of one bad file. Names starting with a dot are
skipped. An id is a hash of what was listed, so a file that changes is a new source by itself.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob, has_magic
from operator import attrgetter
from typing import Any

from storage.duplicates import reject_duplicates
from storage.listing import Listing, Source, SourceError, add_local, make_source, reject
from storage.manifest import list_manifest
from storage.rights import check_rights, given_option
from storage.store import Store, size_and_mtime
from storage.takes import WORLD, list_takes

__all__ = ["Listing", "Source", "SourceError", "check_rights", "check_spec", "list_sources", "make_source"]

MANIFEST = "manifest.csv"
ACCEPTED = "a folder, a file, a glob, an object-store prefix, or a .csv/.parquet manifest with a `uri` column"


def list_sources(
    spec: str, store: Store, licence: str = "", consent: str = "", *, compare: bool = True
) -> Listing:
    """Everything `spec` names, sorted by uri; `licence` and `consent` apply where a manifest says nothing.

    `compare=False` skips the search for files of equal content, which reads files of equal size.
    """
    listing = Listing()
    licence, consent = given_option("licence", licence), given_option("consent", consent)
    with _no_collection():
        _collect(spec, store, licence, consent, listing)
        listing.sources.sort(key=attrgetter("uri"))
        if compare:
            reject_duplicates(listing, store)
    listing.rejected.sort(key=lambda rejection: rejection[0].uri)
    return listing


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


def _collect(spec: str, store: Store, licence: str, consent: str, listing: Listing) -> None:
    if spec.startswith(WORLD):
        listing.sources += list_takes(spec)
    elif spec.endswith((".csv", ".parquet")):
        _require(spec, store)
        list_manifest(spec, store, licence, consent, listing)
    elif "://" in spec:
        _list_prefix(spec, store, licence, consent, listing)
    else:
        _list_local(spec, store, licence, consent, listing)


def _missing(spec: str) -> SourceError:
    return SourceError(f"nothing at {spec}: give {ACCEPTED}")


def check_spec(spec: str) -> None:
    """A typo in a local path is told at once, before anything that takes seconds is started."""
    path = os.path.expanduser(spec)
    if spec.startswith(WORLD):
        return
    if "://" not in spec and not has_magic(path) and not os.path.lexists(path):
        raise _missing(spec)


def _require(spec: str, store: Store) -> None:
    try:
        store.stat(spec)
    except FileNotFoundError as error:
        raise _missing(spec) from error


def _list_local(spec: str, store: Store, licence: str, consent: str, listing: Listing) -> None:
    path = os.path.abspath(os.path.expanduser(spec))
    named: set[str] = set()
    if os.path.isdir(path):
        manifest = os.path.join(path, MANIFEST)
        if os.path.isfile(manifest):
            named = set(list_manifest(manifest, store, licence, consent, listing).to_pylist())
        found: Iterator[str] = _walk(path, listing)
    elif os.path.lexists(path):
        found = iter([path])
    elif has_magic(path) and (matches := glob(path, recursive=True)):
        found = iter(m for m in matches if not os.path.isdir(m))
    else:
        raise _missing(spec)
    for file in found:
        if file not in named and os.path.basename(file) != MANIFEST:
            add_local(file, licence, consent, "", listing)


def _walk(folder: str, listing: Listing) -> Iterator[str]:
    """Every visible entry that is not a folder; a folder reached twice (a link loop) is entered once."""
    entered: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            status = os.stat(here)
            if (status.st_dev, status.st_ino) in entered:
                reject(listing, here, "link_loop", "a link to a folder that is listed already")
                continue
            entered.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            reject(listing, here, "unreadable", f"the folder cannot be listed: {error.strerror}")
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                waiting.append(entry.path)
            else:
                yield entry.path


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: add_local says so
        return False


def _list_prefix(spec: str, store: Store, licence: str, consent: str, listing: Listing) -> None:
    """Through fsspec, whose `find` sees a bucket as a folder tree."""
    fs, path = store.filesystem(spec)
    found: dict[str, Any] = {}
    for match in fs.glob(path) if has_magic(path) else [path]:
        found |= fs.find(match, detail=True)
    if not found:
        raise _missing(spec)
    named = _prefix_manifest(fs, path, found, store, licence, consent, listing)
    for key, info in found.items():
        uri = fs.unstrip_protocol(key)
        inside = key.removeprefix(path.rstrip("/")) if not has_magic(path) else ""
        if "/." not in inside and uri not in named and not key.endswith("/" + MANIFEST):
            listing.sources.append(make_source(uri, *size_and_mtime(info), licence, consent, ""))


def _prefix_manifest(
    fs: Any, path: str, found: dict, store: Store, licence: str, consent: str, listing: Listing
) -> set[str]:
    manifest = path.rstrip("/") + "/" + MANIFEST
    if manifest not in found:
        return set()
    return set(list_manifest(fs.unstrip_protocol(manifest), store, licence, consent, listing).to_pylist())
