"""Rows of one manifest for one file: those that agree are one source, those that contradict each other none."""

import pytest

from storage.sources import list_sources
from tests.storage.sources.listings import STORE, codes, kept, manifest, put, reasons


@pytest.mark.parametrize("believed", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "code", "told"),
    [
        ("CC0,signed,ann", "ALL RIGHTS,signed,ann", "conflicting_rights", "licence 'CC0' here, 'ALL RIGHTS' there"),
        ("CC0,signed,ann", "CC0,withdrawn,ann", "conflicting_rights", "consent 'signed' here, 'withdrawn' there"),
        ("CC0,signed,ann", "CC0,NaN,ann", "conflicting_rights", "consent 'signed' here, none there"),
        ("CC0,signed,ann", "CC0,signed,bob", "conflicting_speakers", "speaker 'ann' here, 'bob' there"),
    ],
)  # fmt: skip
def test_rows_that_contradict_each_other_are_all_refused(tmp_path, believed, first, second, code, told):
    put(tmp_path / "a.mp4"), put(tmp_path / "b.mp4", b"yy")
    lines = [f"a.mp4,{first}", "b.mp4,CC0,signed,ann", f"a.mp4,{second}"]
    head, tail = ("uri,licence,consent,speaker", ["", "", ""])
    if believed:
        head, tail = head + ",size,mtime_ns", [",1,5", ",2,5", ",1,5"]
    text = "\n".join([head, *(line + end for line, end in zip(lines, tail, strict=True))])
    listing = list_sources(manifest(tmp_path, text), STORE)
    assert [row[0] for row in kept(listing)] == ["b.mp4"]
    assert codes(listing) == [("a.mp4", code)] * 2
    one, other = sorted(reason for _, _, reason in listing.rejected)
    assert one.startswith(f"row 1 of {tmp_path / 'm.csv'} contradicts row 3")
    assert other.startswith(f"row 3 of {tmp_path / 'm.csv'} contradicts row 1")
    assert told in one
    assert "neither is taken" in one


def test_rows_that_agree_are_one_source_and_duplicates(tmp_path):
    put(tmp_path / "a.mp4")
    listing = list_sources(manifest(tmp_path, "uri,licence\na.mp4,CC0\na.mp4,CC0 \n./a.mp4,CC0\n"), STORE)
    assert kept(listing) == [("a.mp4", "CC0", "", "")]
    path = tmp_path / "m.csv"
    assert reasons(listing) == [
        ("a.mp4", "duplicate", f"row 2 of {path} names the same file as row 1, which is taken"),
        ("a.mp4", "duplicate", f"row 3 of {path} names the same file as row 1, which is taken"),
    ]


def test_of_rows_with_other_sizes_or_times_the_newest_is_taken_and_the_reason_says_so(tmp_path):
    rows = "uri,licence,size,mtime_ns\n/v/a.mp4,CC0,7,100\n/v/a.mp4,CC0,9,300\n/v/a.mp4,CC0,8,200\n"
    listing = list_sources(manifest(tmp_path, rows), STORE)
    assert [(s.size, s.mtime_ns) for s in listing.sources] == [(9, 300)]
    assert codes(listing) == [("a.mp4", "duplicate")] * 2
    reason = next(reason for source, _, reason in listing.rejected if source.size == 7)
    assert reason.startswith(f"row 1 of {tmp_path / 'm.csv'} names the same file as row 2, which is taken")
    assert "size 7 here, 9 there" in reason
    assert "mtime_ns 100 here, 300 there" in reason


def test_a_row_that_leaves_the_size_to_the_store_is_taken_before_one_that_may_be_out_of_date(tmp_path):
    put(tmp_path / "a.mp4", b"12345")
    rows = "uri,licence,size,mtime_ns\na.mp4,CC0,7,100\na.mp4,CC0,,\n"
    listing = list_sources(manifest(tmp_path, rows), STORE)
    assert [s.size for s in listing.sources] == [5]
    assert codes(listing) == [("a.mp4", "duplicate")]


def test_a_missing_file_is_missing_however_often_it_is_named(tmp_path):
    listing = list_sources(manifest(tmp_path, "uri,licence\na.mp4,CC0\na.mp4,CC-BY\n"), STORE)
    assert codes(listing) == [("a.mp4", "missing")] * 2


def test_a_file_that_its_manifest_is_in_two_minds_about_does_not_come_in_by_its_folder(tmp_path):
    put(tmp_path / "a.mp4"), put(tmp_path / "b.mp4", b"yy")
    manifest(tmp_path, "uri,licence\na.mp4,CC0\na.mp4,CC-BY\n", "manifest.csv")
    listing = list_sources(str(tmp_path), STORE, "CC0", "signed")
    assert kept(listing) == [("b.mp4", "CC0", "signed", "")]
    assert codes(listing) == [("a.mp4", "conflicting_rights")] * 2


SPELLINGS = [
    "./a.mp4",
    "sub/../a.mp4",
    ".//a.mp4",
    "a.mp4/",
    "a.mp4/.",
    "{}//a.mp4",
    "/{}/a.mp4",
    "{}/./a.mp4",
]


@pytest.mark.parametrize("other", SPELLINGS)
def test_another_spelling_of_a_path_is_the_same_file(tmp_path, other):
    other = other.format(tmp_path)
    rows = f"uri,licence,size,mtime_ns\na.mp4,CC0,1,5\n{other},CC-BY,1,5\n"
    assert codes(list_sources(manifest(tmp_path, rows), STORE)) == [("a.mp4", "conflicting_rights")] * 2
    listing = list_sources(manifest(tmp_path, rows.replace("CC-BY", "CC0")), STORE)
    assert [s.uri for s in listing.sources] == [f"{tmp_path}/a.mp4"]
    assert codes(listing) == [("a.mp4", "duplicate")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3://b/v/a.mp4", "s3://b/v//a.mp4"), ("s3://b/v/a.mp4", "s3://b/v/./a.mp4"), ("s3://b/v/a.mp4", "S3://b/v/a.mp4"),
        ("s3://b/v/a.mp4", "s3a://b/v/a.mp4"), ("gs://b/v/a.mp4", "gcs://b/v/x/../a.mp4"),
        ("s3://b/v/a.mp4", "s3://b/v/a.mp4/"),
    ],
)  # fmt: skip
def test_another_spelling_of_an_object_cannot_bring_other_rights(tmp_path, one, other):
    rows = f"uri,licence,size,mtime_ns\n{one},CC0,7,5\n{other},CC-BY,7,5\n"
    listing = list_sources(manifest(tmp_path, rows), STORE, compare=False)
    assert (listing.sources, [code for _, code, _ in listing.rejected]) == ([], ["conflicting_rights"] * 2)
    assert f"(as {other})" in listing.rejected[0][2] + listing.rejected[1][2]
    # Object stores may hold both: with the same rights nothing is at stake, and neither is dropped.
    same = list_sources(manifest(tmp_path, rows.replace("CC-BY", "CC0")), STORE, compare=False)
    assert (len(same.sources), same.rejected) == (2, [])


@pytest.mark.parametrize("other", ["file:///v/a.mp4", "local:///v//a.mp4"])
def test_a_path_in_another_spelling_cannot_bring_other_rights(tmp_path, other):
    rows = f"uri,licence,size,mtime_ns\n/v/a.mp4,CC0,7,5\n{other},CC-BY,7,5\n"
    listing = list_sources(manifest(tmp_path, rows), STORE, compare=False)
    assert not listing.sources
    assert sorted(code for _, code, _ in listing.rejected) == ["bad_address", "conflicting_rights"]
