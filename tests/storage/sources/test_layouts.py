"""Layouts of pairs made elsewhere: which files are each other's half, and which have none."""

import json
import os
from pathlib import Path

import pytest

from storage.sources import SourceError, list_sources
from storage.sources.layouts import two_folders, two_suffixes, x_dub
from storage.sources.paired_manifest import write_pairs
from tests.storage.sources.listings import STORE, put

DUB = "Ann_1__x__Ann_2"


def shown(found):
    return [(pair.original.name, pair.dubbed.name, pair.speaker) for pair in found.pairs]


def alone(found):
    return sorted(one.file.name for one in found.alone)


def test_two_folders_are_matched_by_name_whatever_the_endings(tmp_path):
    for name in (
        "original/a.mp4",
        "original/sub/b.mp4",
        "original/lost.mp4",
        "dubbed/a.mkv",
        "dubbed/sub/b.mp4",
    ):
        put(tmp_path / name)
    put(tmp_path / "original" / "notes.txt"), put(tmp_path / "original" / ".hidden.mp4")
    found = two_folders(tmp_path)
    assert shown(found) == [("a.mp4", "a.mkv", ""), ("b.mp4", "b.mp4", "")]
    (one,) = found.alone
    assert one.file.name == "lost.mp4"
    assert "its other half is not there: lost of 'dubbed'" in one.reason


def test_two_suffixes_are_matched_within_a_folder(tmp_path):
    for name in ("x/a_original.mp4", "x/a_dubbed.mp4", "y/a_original.mp4", "b_dubbed.mp4", "c.mp4"):
        put(tmp_path / name)
    found = two_suffixes(tmp_path)
    assert [pair.original.parent.name for pair in found.pairs] == ["x"]
    assert alone(found) == ["a_original.mp4", "b_dubbed.mp4"]
    put(tmp_path / "c-new.mp4")
    assert shown(two_suffixes(tmp_path, "", "-new")) == [("c.mp4", "c-new.mp4", "")]


def test_names_that_could_be_several_halves_are_nobodys(tmp_path):
    for name in ("original/a.mp4", "original/a.mov", "dubbed/a.mp4"):
        put(tmp_path / name)
    found = two_folders(tmp_path)
    assert not found.pairs
    assert alone(found) == ["a.mov", "a.mp4", "a.mp4"]
    assert any("several could be its other half: a.mov, a.mp4" in one.reason for one in found.alone)


def test_x_dub_pairs_find_the_clips_that_were_dubbed_and_who_is_seen(tmp_path):
    videos, clips = tmp_path / "set" / "xdub_teacher_pairs" / "videos", tmp_path / "hdtf"
    for name in (DUB, "Ann_1__x__Ann_3", "Bob_1__x__Bob_2", "stray"):
        put(videos / f"{name}.mp4")
    put(videos.parent / "meta" / f"{DUB}.json"), put(clips / "deep" / "Ann_1.mp4")
    told = [{"id": DUB, "src_speaker": "Ann", "alt_speaker": "Ann"}, {"id": "../../etc", "src_speaker": None}]
    put(tmp_path / "set" / "xdub_teacher_pairs_manifest.json", json.dumps(told).encode())
    found = x_dub(tmp_path / "set", clips)
    assert shown(found) == [("Ann_1.mp4", f"{DUB}.mp4", "Ann"), ("Ann_1.mp4", "Ann_1__x__Ann_3.mp4", "")]
    assert alone(found) == ["Bob_1__x__Bob_2.mp4", "stray.mp4"]
    assert any("Bob_1.mp4 below" in one.reason for one in found.alone)


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"id": 3}', b'[{"src_speaker": "Ann"}]', b"\xff"])
def test_a_damaged_list_of_x_dub_pairs_is_one_clear_error(tmp_path, content):
    put(tmp_path / "xdub_teacher_pairs_manifest.json", content), put(tmp_path / "videos" / f"{DUB}.mp4")
    with pytest.raises(SourceError, match="take it away to do without"):
        x_dub(tmp_path, tmp_path)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(SourceError, match=r"there is no folder .*original"):
        two_folders(tmp_path)
    with pytest.raises(SourceError, match="say how their names differ"):
        two_suffixes(tmp_path, "x", "x")


def test_the_manifest_lists_pairs_wherever_it_lies_and_moves_with_them(tmp_path):
    old = tmp_path / "old"
    put(old / "original" / "a, b.mp4", b"film"), put(old / "dubbed" / "a, b.mp4", b"dubbed")
    out = old / "lists" / "pairs.csv"
    write_pairs(out, two_folders(old).pairs)
    old.rename(tmp_path / "new")
    listing = list_sources(str(tmp_path / "new" / "lists" / "pairs.csv"), STORE, "CC0", "given")
    (source,) = listing.sources
    assert not listing.rejected
    assert (Path(source.uri).parent.name, Path(source.companion).parent.name) == ("original", "dubbed")
    assert source.origin == "imported"


def test_a_manifest_that_is_there_stays_unless_told_and_nothing_is_half_written(tmp_path):
    out = put(tmp_path / "pairs.csv", b"mine")
    with pytest.raises(SourceError, match="is there already"):
        write_pairs(out, [])
    with pytest.raises(SourceError, match=r"ends in \.csv"):
        write_pairs(tmp_path / "pairs.txt", [])
    put(tmp_path / "file")
    with pytest.raises(SourceError, match="cannot be written"):
        write_pairs(tmp_path / "file" / "pairs.csv", [])
    assert out.read_bytes() == b"mine"
    write_pairs(out, [], replace=True)
    assert out.read_text().strip() == "uri,companion,origin,speaker"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "pairs.csv"]


def test_a_name_that_is_no_text_is_said_and_nothing_is_written(tmp_path):
    for folder in (b"original", b"dubbed"):
        put(Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + folder + b"/bad\xff.mp4")))
    with pytest.raises(SourceError, match="is not UTF-8; rename it"):
        write_pairs(tmp_path / "pairs.csv", two_folders(tmp_path).pairs)
    assert not (tmp_path / "pairs.csv").exists()
