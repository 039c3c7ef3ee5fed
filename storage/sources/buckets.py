"""Lists everything below a prefix of an object store; a `manifest.csv` at the prefix is read with it."""

from glob import has_magic
from typing import Any

from storage.addresses import told_plainly
from storage.sources.listing import Listing, make_source, nothing_at
from storage.sources.manifest import MANIFEST, files_named, list_manifest
from storage.store import Store, size_and_mtime


def list_prefix(spec: str, store: Store, licence: str, consent: str, listing: Listing) -> None:
    """Adds every object below `spec` to `listing`, through fsspec, whose `find` sees a bucket as a folder tree."""
    found: dict[str, Any] = {}
    with told_plainly(spec):
        fs, path = store.filesystem(spec)
        for match in fs.glob(path) if has_magic(path) else [path]:
            found |= fs.find(match, detail=True)
    if not found:
        raise nothing_at(spec)
    named = _list_its_manifest(fs, path, found, store, licence, consent, listing)
    for key, info in found.items():
        uri = fs.unstrip_protocol(key)
        inside = key.removeprefix(path.rstrip("/")) if not has_magic(path) else ""
        if "/." not in inside and uri not in named and not key.endswith("/" + MANIFEST):
            listing.sources.append(make_source(uri, *size_and_mtime(info), licence, consent, ""))


def _list_its_manifest(
    fs: Any, path: str, found: dict, store: Store, licence: str, consent: str, listing: Listing
) -> set[str]:
    manifest = path.rstrip("/") + "/" + MANIFEST
    if manifest not in found:
        return set()
    return files_named(list_manifest(fs.unstrip_protocol(manifest), store, licence, consent, listing))
