"""Listing: everything visible is either a source or rejected with a reason; nothing blocks or raises."""

import os
import shutil
import socket
import tempfile
import time
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.sources import SourceError, check_rights, list_sources, make_source
from storage.store import Store
from storage.takes import Take

STORE = Store()


def put(path, content=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(listing):
    return [Path(source.uri).name for source in listing.sources]


def codes(listing):
    return {Path(source.uri).name: code for source, code, _ in listing.rejected}


def test_a_folder_is_listed_recursively_without_hidden_files(tmp_path):
    long = "n" * 246 + ".mp4"
    for i, name in enumerate(("b.mp4", "sub/a.mp4", "ünï 中文 & 'q'.mp4", long, ".hidden.mp4", ".git/x.mp4")):
        put(tmp_path / name, bytes(i + 1))
    listing = list_sources(str(tmp_path), STORE, licence="CC0")
    assert sorted(names(listing)) == sorted(["b.mp4", "a.mp4", "ünï 中文 & 'q'.mp4", long])
    assert listing.rejected == []
    assert [s.uri for s in listing.sources] == sorted(s.uri for s in listing.sources)
    assert {s.licence for s in listing.sources} == {"CC0"}
    assert len({s.id for s in listing.sources}) == 4
    assert all(len(s.id) == 20 and s.size > 0 and s.mtime_ns > 0 for s in listing.sources)


def test_a_file_and_a_glob_are_listed(tmp_path):
    put(tmp_path / "a.mp4"), put(tmp_path / "b.mkv", b"yy")
    assert names(list_sources(str(tmp_path / "a.mp4"), STORE)) == ["a.mp4"]
    assert names(list_sources(str(tmp_path / "*.mkv"), STORE)) == ["b.mkv"]


def test_nothing_there_is_a_clear_error(tmp_path):
    for spec in ("none", "none.csv", "*.mp4", "none.parquet"):
        with pytest.raises(SourceError, match=r"nothing at .*a folder, a file, a glob"):
            list_sources(str(tmp_path / spec), STORE)


def test_an_id_changes_with_whatever_was_listed():
    base = ("a.mp4", 1, 2, "l", "c", "s")
    ids = {make_source(*base).id}
    for i, other in enumerate(("b.mp4", 9, 9, "x", "x", "x")):
        ids.add(make_source(*base[:i], other, *base[i + 1 :]).id)
    assert len(ids) == 7


def test_pipes_links_and_loops_are_refused_without_waiting(tmp_path):
    put(tmp_path / "ok.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    os.symlink("gone.mp4", tmp_path / "broken.mp4")
    os.symlink("self.mp4", tmp_path / "self.mp4")
    os.symlink(tmp_path, tmp_path / "loop")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        start = time.monotonic()
        listing = list_sources(str(tmp_path), STORE)
    assert time.monotonic() - start < 5
    assert names(listing) == ["ok.mp4"]
    expected = {"pipe.mp4": "not_regular", "socket": "not_regular", "broken.mp4": "broken_link"}
    assert codes(listing) == expected | {"self.mp4": "broken_link", "loop": "link_loop"}
    assert all(reason for _, _, reason in listing.rejected)


def test_a_name_that_is_not_utf8_is_refused(tmp_path):
    put(tmp_path / "ok.mp4")
    with open(os.path.join(os.fsencode(tmp_path), b"bad\xff.mp4"), "wb") as file:
        file.write(b"zz")
    listing = list_sources(str(tmp_path), STORE)
    assert names(listing) == ["ok.mp4"]
    assert codes(listing) == {"bad\\xff.mp4": "bad_name"}
    pa.array([source.uri for source, _, _ in listing.rejected])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without permission")
def test_unreadable_folders_and_files_are_refused():
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        folder.chmod(0o755)
        put(folder / "ok.mp4")
        put(folder / "locked" / "a.mp4")
        put(folder / "secret.mp4", b"yy").chmod(0)
        (folder / "locked").chmod(0)
        os.seteuid(65534)
        try:
            listing = list_sources(str(folder), STORE)
        finally:
            os.seteuid(0)
    finally:
        shutil.rmtree(folder)
    assert names(listing) == ["ok.mp4"]
    assert codes(listing) == {"locked": "unreadable", "secret.mp4": "unreadable"}


def test_duplicates_name_the_first(tmp_path):
    big = os.urandom(300_000)
    other = big[:150_000] + b"?" + big[150_001:]
    for name, content in (("a.mp4", big), ("sub/b.mp4", big), ("c.mp4", other), ("e1", b""), ("e2", b"")):
        put(tmp_path / name, content)
    listing = list_sources(str(tmp_path), STORE)
    assert names(listing) == ["a.mp4", "c.mp4", "e1", "e2"]
    ((copy, code, reason),) = listing.rejected
    assert (Path(copy.uri).name, code) == ("b.mp4", "duplicate")
    assert reason == f"same content as {tmp_path / 'a.mp4'}"
    assert len(list_sources(str(tmp_path), STORE, compare=False).sources) == 5


def test_a_folder_uses_its_manifest_and_still_lists_the_rest(tmp_path):
    put(tmp_path / "a.mp4"), put(tmp_path / "sub" / "b.mp4", b"bb"), put(tmp_path / "c.mp4", b"ccc")
    rows = "uri,speaker,licence\na.mp4,ann,CC-BY\n./sub/b.mp4,bob,\ngone.mp4,zoe,CC0\n,,\na.mp4,ann,CC-BY\n"
    (tmp_path / "manifest.csv").write_text(rows, encoding="utf-8-sig")
    listing = list_sources(str(tmp_path), STORE, licence="CC0", consent="given")
    assert [(Path(s.uri).name, s.speaker, s.licence) for s in listing.sources] == [
        ("a.mp4", "ann", "CC-BY"),
        ("c.mp4", "", "CC0"),
        ("b.mp4", "bob", "CC0"),
    ]
    assert {s.consent for s in listing.sources} == {"given"}
    assert sorted(code for _, code, _ in listing.rejected) == ["duplicate", "missing", "no_uri"]


def test_a_manifest_without_uri_or_with_nonsense_is_a_clear_error(tmp_path):
    (tmp_path / "m.csv").write_text("path,speaker\na,b\n")
    with pytest.raises(SourceError, match="no `uri` column but path, speaker"):
        list_sources(str(tmp_path / "m.csv"), STORE)
    (tmp_path / "m.csv").write_text("uri,size\na,many\n")
    with pytest.raises(SourceError, match=r"m\.csv cannot be read as a manifest"):
        list_sources(str(tmp_path / "m.csv"), STORE)
    (tmp_path / "m.parquet").write_bytes(b"not parquet")
    with pytest.raises(SourceError, match="cannot be read as a manifest"):
        list_sources(str(tmp_path / "m.parquet"), STORE)


def test_a_manifest_row_with_size_and_time_is_believed(tmp_path):
    path = tmp_path / "m.parquet"
    pq.write_table(pa.table({"uri": ["no/a.mp4", "/abs/b.mp4"], "size": [7, 7], "mtime_ns": [1, 2]}), path)
    listing = list_sources(str(path), STORE)
    assert [(s.uri, s.size) for s in listing.sources] == [("/abs/b.mp4", 7), (f"{tmp_path}/no/a.mp4", 7)]
    assert listing.sources[0] == make_source("/abs/b.mp4", 7, 2, "", "", "")


def test_an_object_store_prefix_is_listed():
    fs = fsspec.filesystem("memory")
    for name in ("a.mp4", "sub/b.mp4", ".c.mp4"):
        fs.pipe_file(f"/listing/{name}", name.encode())
    fs.pipe_file("/listing/manifest.csv", b"uri,speaker\na.mp4,ann\n")
    listing = list_sources("memory://listing", STORE)
    assert [(Path(s.uri).name, s.speaker) for s in listing.sources] == [("a.mp4", "ann"), ("b.mp4", "")]
    assert Store().open(listing.sources[0].uri).read() == b"a.mp4"


def test_a_large_manifest_lists_in_seconds(tmp_path):
    n = 100_000
    rng = np.random.default_rng(0)
    columns = {
        "uri": [f"{i:07d}.mp4" for i in range(n)],
        "speaker": [f"s{i % 99}" for i in range(n)],
        "size": rng.permutation(n) + 1,
        "mtime_ns": np.full(n, 1),
    }
    pq.write_table(pa.table(columns), tmp_path / "m.parquet")
    start = time.process_time()
    listing = list_sources(str(tmp_path / "m.parquet"), STORE)
    assert len(listing.sources) == n
    assert time.process_time() - start < 1.5


def test_rights_must_be_given_for_every_source(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.mp4").write_bytes(name.encode())
    with pytest.raises(SourceError, match=r"none of the 2 sources says its licence .* --licence TEXT"):
        check_rights(list_sources(str(tmp_path), STORE, licence="CC0"))
    (tmp_path / "manifest.csv").write_text("uri,licence,consent\na.mp4,CC0,signed\nb.mp4,CC0,\n")
    listing = list_sources(str(tmp_path), STORE)
    check_rights(listing)
    assert [Path(s.uri).name for s in listing.sources] == ["a.mp4"]
    assert [code for _, code, _ in listing.rejected] == ["no_consent"]
    told = list_sources(str(tmp_path), STORE, consent="contract 7")
    check_rights(told)
    assert [s.consent for s in told.sources] == ["signed", "contract 7"]


def test_takes_of_the_world_are_listed_by_number():
    listing = list_sources("world:people=2,takes=3,seed=5", STORE)
    assert [s.uri for s in listing.sources] == [f"world:5/{p}/{t}" for p in range(2) for t in range(3)]
    assert len({s.speaker for s in listing.sources}) == 2
    assert Take.parse(listing.sources[-1].uri) == Take(5, 1, 2)
    check_rights(listing)
    with pytest.raises(SourceError, match="people=NUMBER"):
        list_sources("world:persons=2", STORE)
