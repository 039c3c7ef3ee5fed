"""Lists what a spec names: every video file behind a folder, glob, prefix or manifest, once.

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
from glob import has_magic
from operator import attrgetter

from storage.addresses import refusal, told_plainly
from storage.sources.buckets import list_prefix
from storage.sources.equal_content import reject_duplicates
from storage.sources.folders import list_local
from storage.sources.listing import ACCEPTED, Listing, SourceError, nothing_at
from storage.sources.manifest import list_manifest
from storage.sources.rights import given_option
from storage.sources.takes import WORLD, list_takes
from storage.store import Store


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
    check_spec(spec)
    if spec.startswith(WORLD):
        listing.sources += list_takes(spec)
    elif spec.endswith((".csv", ".parquet")):
        _require(spec, store)
        list_manifest(spec, store, licence, consent, listing)
    elif "://" in spec:
        list_prefix(spec, store, licence, consent, listing)
    else:
        list_local(spec, store, licence, consent, listing)


def check_spec(spec: str) -> None:
    """A typo is told at once, before anything that takes seconds is started; nothing is contacted."""
    if not spec.strip():
        raise SourceError(f"--source is empty: give {ACCEPTED}")
    if why := refusal(spec):
        raise SourceError(f"{spec!r}: {why}")
    path = os.path.expanduser(spec)
    if spec.startswith(WORLD):
        return
    if "://" not in spec and not has_magic(path) and not os.path.lexists(path):
        raise nothing_at(spec)


def _require(spec: str, store: Store) -> None:
    try:
        with told_plainly(spec):
            store.stat(spec)
    except FileNotFoundError as error:
        raise nothing_at(spec) from error
