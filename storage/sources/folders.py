"""Lists everything below a local folder, behind a glob, or one file; a `manifest.csv` in the folder is read with it."""

import os
from collections.abc import Iterator
from glob import glob, has_magic

from storage.sources.listing import Listing, nothing_at, reject
from storage.sources.local_file import add_local
from storage.sources.manifest import MANIFEST, files_named, list_manifest
from storage.store import Store


def list_local(spec: str, store: Store, licence: str, consent: str, listing: Listing) -> None:
    """Adds what a local path or pattern names to `listing`; folders are entered, hidden names are not."""
    path = os.path.abspath(os.path.expanduser(spec))
    named: set[str] = set()
    if os.path.isdir(path):
        manifest = os.path.join(path, MANIFEST)
        if os.path.isfile(manifest):
            named = files_named(list_manifest(manifest, store, licence, consent, listing))
        found: Iterator[str] = _walk(path, named, listing)
    elif os.path.lexists(path):
        found = iter([path])
    elif has_magic(path) and (matches := glob(path, recursive=True)):
        found = iter(m for m in matches if not os.path.isdir(m))
    else:
        raise nothing_at(spec)
    for file in found:
        if file not in named and os.path.basename(file) != MANIFEST:
            add_local(file, licence, consent, "", listing)


def _walk(folder: str, named: set[str], listing: Listing) -> Iterator[str]:
    """Every visible entry that is not a folder; a folder reached twice (a link loop) is entered once.

    Links that lead out of the folder are refused, but for those that its manifest has `named`.
    """
    entered: set[tuple[int, int]] = set()
    whole = os.path.realpath(folder)
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
            if entry.is_symlink() and entry.path not in named and (there := _outside(entry.path, whole)):
                reject(listing, entry.path, "link_outside", _left_alone(there))
            elif _is_folder(entry):
                waiting.append(entry.path)
            else:
                yield entry.path


def _outside(link: str, folder: str) -> str:
    """Where a link leads, if that is beyond the folder that was given; empty for a link within it, or to nowhere."""
    there = os.path.realpath(link)
    beyond = os.path.commonpath([there, folder]) != folder
    return there if beyond and os.path.exists(there) else ""


def _left_alone(there: str) -> str:
    return (
        f"a link that leads out of the folder, to {there}: what is said of this folder's rights need not hold there; give "
        "that as a source, or name it in a manifest"
    )


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: add_local says so
        return False
