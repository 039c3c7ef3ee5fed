"""Prefixes of an object store, here one in memory; tests/storage/test_object_store.py asks a real one."""

from pathlib import Path

import fsspec

from storage.sources import list_sources
from tests.storage.sources.listings import STORE


def test_an_object_store_prefix_is_listed():
    fs = fsspec.filesystem("memory")
    for name in ("a.mp4", "sub/b.mp4", ".c.mp4"):
        fs.pipe_file(f"/listing/{name}", name.encode())
    fs.pipe_file("/listing/manifest.csv", b"uri,speaker\na.mp4,ann\n")
    listing = list_sources("memory://listing", STORE)
    assert [(Path(s.uri).name, s.speaker) for s in listing.sources] == [("a.mp4", "ann"), ("b.mp4", "")]
    assert STORE.open(listing.sources[0].uri).read() == b"a.mp4"


def test_a_relative_name_in_a_bucket_s_manifest_is_tidied_too():
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/tidied/sub/a.mp4", b"aa")
    fs.pipe_file("/tidied/manifest.csv", b"uri,licence\n./sub//a.mp4,CC0\n")
    listing = list_sources("memory://tidied", STORE, "CC-BY", "signed")
    assert [(s.uri, s.licence) for s in listing.sources] == [("memory:///tidied/sub/a.mp4", "CC0")]
    assert listing.rejected == []
