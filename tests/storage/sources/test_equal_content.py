"""Files of equal content: one is taken, and none where their rights differ."""

import os
from pathlib import Path

from storage.sources import list_sources
from tests.storage.sources.listings import STORE, codes, kept, manifest, names, put, reasons


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


def test_files_of_equal_content_and_other_rights_are_all_refused(tmp_path):
    for name in ("a", "b", "c"):
        put(tmp_path / f"{name}.mp4", b"equal")
    put(tmp_path / "d.mp4", b"other")
    rows = "uri,licence,consent\na.mp4,CC0,signed\nb.mp4,ALL RIGHTS RESERVED,signed\nc.mp4,CC0,signed\nd.mp4,CC0,signed\n"
    listing = list_sources(manifest(tmp_path, rows), STORE)
    assert [name for name, *_ in kept(listing)] == ["d.mp4"]
    assert codes(listing) == [(f"{name}.mp4", "conflicting_rights") for name in "abc"]
    told = {name: reason for name, _, reason in reasons(listing)}
    a, b = (tmp_path / f"{name}.mp4" for name in "ab")
    assert told["a.mp4"].startswith(
        f"the same content as {b} with other rights: licence 'CC0' here, 'ALL RIGHTS RESERVED' there"
    )
    assert told["b.mp4"].startswith(
        f"the same content as {a} with other rights: licence 'ALL RIGHTS RESERVED' here, 'CC0' there"
    )
    assert "neither is taken" in told["c.mp4"]


def test_a_link_cannot_bring_other_rights(tmp_path):
    put(tmp_path / "real" / "a.mp4")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    rows = "uri,licence,consent\nreal/a.mp4,CC0,signed\nlink/a.mp4,CC-BY,signed\n"
    assert codes(list_sources(manifest(tmp_path, rows), STORE)) == [("a.mp4", "conflicting_rights")] * 2


def test_equal_content_of_two_speakers_is_refused(tmp_path):
    put(tmp_path / "a.mp4"), put(tmp_path / "b.mp4")
    listing = list_sources(manifest(tmp_path, "uri,speaker\na.mp4,ann\nb.mp4,bob\n"), STORE, "CC0", "signed")
    assert codes(listing) == [("a.mp4", "conflicting_speakers"), ("b.mp4", "conflicting_speakers")]
    assert "speaker 'ann' here, 'bob' there" in listing.rejected[0][2]


def test_a_copy_of_which_nothing_is_said_contradicts_nobody(tmp_path):
    put(tmp_path / "a copy.mp4"), put(tmp_path / "b.mp4")
    manifest(tmp_path, "uri,licence,consent,speaker\nb.mp4,CC0,signed,ann\n", "manifest.csv")
    listing = list_sources(str(tmp_path), STORE)
    assert kept(listing) == [("b.mp4", "CC0", "signed", "ann")]
    assert reasons(listing) == [("a copy.mp4", "duplicate", f"same content as {tmp_path / 'b.mp4'}")]


def test_a_copy_of_a_file_whose_rights_are_contradictory_does_not_enter_in_its_place(tmp_path):
    put(tmp_path / "a.mp4"), put(tmp_path / "b.mp4"), put(tmp_path / "c.mp4", b"other")
    manifest(tmp_path, "uri,licence\na.mp4,CC0\na.mp4,ALL RIGHTS RESERVED\n", "manifest.csv")
    listing = list_sources(str(tmp_path), STORE, "CC0", "signed")
    assert [name for name, *_ in kept(listing)] == ["c.mp4"]
    assert codes(listing) == [("a.mp4", "conflicting_rights")] * 2 + [("b.mp4", "conflicting_rights")]
