"""Listing: everything visible is either a source or rejected with a reason; nothing blocks or raises."""

import os
import shutil
import socket
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pytest

from storage.sources import SourceError, list_sources
from tests.storage.sources.listings import STORE, codes, names, put


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
    assert dict(codes(listing)) == expected | {"self.mp4": "broken_link", "loop": "link_loop"}
    assert all(reason for _, _, reason in listing.rejected)


def test_a_name_that_is_not_utf8_is_refused(tmp_path):
    put(tmp_path / "ok.mp4")
    with open(os.path.join(os.fsencode(tmp_path), b"bad\xff.mp4"), "wb") as file:
        file.write(b"zz")
    listing = list_sources(str(tmp_path), STORE)
    assert names(listing) == ["ok.mp4"]
    assert dict(codes(listing)) == {"bad\\xff.mp4": "bad_name"}
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
    assert dict(codes(listing)) == {"locked": "unreadable", "secret.mp4": "unreadable"}
