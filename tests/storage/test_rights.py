"""Rights: what says nothing is not given, what contradicts itself is refused, and nothing enters in silence."""

from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.catalog import SOURCES, Catalog
from storage.listing import Listing
from storage.rights import given, given_column
from storage.sources import SourceError, check_rights, list_sources, make_source
from storage.store import Store
from storage.table import Status

STORE = Store()
NOTHING = [
    "", " ", "\t", "\n ", "\u00a0", "NaN", "nan", "None", "NONE", "null", "NULL", "N/A", "n/a", "na", "n.a.", "<NA>",
    "#N/A", "-", "--", "\u2014", "?", "???", ".", "_", "unknown", "Unknown ", "tbd", "TBD.", "todo", "ToDo:", "undefined",
    "unlicensed", "(none)", "no", "No", "false", "False", "0", "not given", "no consent", "no licence", "no license",
]  # fmt: skip
WORDS = [
    "CC0",
    "CC-BY-4.0",
    "Unlicense",
    "none needed: rendered",
    "no real person",
    "true",
    "1",
    "signed",
    "许可",
    "©2020 Ann",
]


def manifest(folder, text, name="m.csv"):
    (folder / name).write_text(text)
    return str(folder / name)


def put(path, content=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def reasons(listing):
    return [(Path(source.uri).name, code, reason) for source, code, reason in listing.rejected]


def codes(listing):
    return sorted((Path(source.uri).name, code) for source, code, _ in listing.rejected)


def kept(listing):
    return [(Path(s.uri).name, s.licence, s.consent, s.speaker) for s in listing.sources]


# -- texts that mean nothing ---------------------------------------------------------------------------


@pytest.mark.parametrize("text", NOTHING)
def test_a_text_that_says_nothing_is_not_given(text):
    assert given(text) == ""


@pytest.mark.parametrize("text", WORDS)
def test_words_are_given_as_they_are(text):
    assert given(text) == text
    assert given(f" {text}\t") == text


def test_a_column_is_read_like_its_values_and_null_like_nothing():
    column = pa.chunked_array([[*NOTHING, None], [f" {word} " for word in WORDS]])
    assert given_column(column).to_pylist() == [""] * (len(NOTHING) + 1) + WORDS


@pytest.mark.parametrize("text", ["NaN", " none ", "-", "unknown", "n/a"])
def test_a_manifest_that_says_nothing_gives_no_rights(tmp_path, text):
    put(tmp_path / "a.mp4"), put(tmp_path / "b.mp4", b"yy"), put(tmp_path / "c.mp4", b"zzz")
    rows = f"uri,licence,consent\na.mp4,{text},signed\nb.mp4,CC0,{text}\nc.mp4,CC0,signed\n"
    listing = list_sources(manifest(tmp_path, rows), STORE)
    check_rights(listing)
    assert kept(listing) == [("c.mp4", "CC0", "signed", "")]
    assert codes(listing) == [("a.mp4", "no_licence"), ("b.mp4", "no_consent")]


def test_where_a_manifest_says_nothing_the_options_count(tmp_path):
    put(tmp_path / "a.mp4")
    listing = list_sources(
        manifest(tmp_path, "uri,licence,consent\na.mp4,NaN,\n"), STORE, " CC0 ", "signed\t"
    )
    assert kept(listing) == [("a.mp4", "CC0", "signed", "")]


@pytest.mark.parametrize("text", ["NaN", "none", " ", "-", "unknown"])
def test_an_option_that_says_nothing_is_refused(tmp_path, text):
    put(tmp_path / "a.mp4")
    with pytest.raises(SourceError, match=r"--licence .* says nothing.*--licence CC-BY-4.0"):
        list_sources(str(tmp_path), STORE, licence=text, consent="signed")
    with pytest.raises(SourceError, match=r"--consent .* says nothing"):
        list_sources(str(tmp_path), STORE, licence="CC0", consent=text)


def test_spaces_around_a_value_are_no_part_of_it_and_clean_values_keep_their_ids(tmp_path):
    rows = "uri,licence,consent,speaker,size,mtime_ns\n/v/a.mp4,CC0 , signed,\tann ,7,2\n"
    (source,) = list_sources(manifest(tmp_path, rows), STORE).sources
    assert source == make_source("/v/a.mp4", 7, 2, "CC0", "signed", "ann")
    # Written down from a catalog that an earlier release made: such sources must not be computed again.
    assert source.id == "796b1423fe4066490bb6"


def test_null_in_parquet_and_empty_in_csv_are_the_same(tmp_path):
    columns = {
        "uri": ["/v/a.mp4", "/v/b.mp4"], "licence": ["CC0", None], "consent": pa.nulls(2), "speaker": [None, "bob"],
        "size": [7, 8], "mtime_ns": [1, 2],
    }  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "m.parquet")
    rows = "uri,licence,consent,speaker,size,mtime_ns\n/v/a.mp4,CC0,,,7,1\n/v/b.mp4,,,bob,8,2\n"
    listings = [list_sources(spec, STORE) for spec in (manifest(tmp_path, rows), str(tmp_path / "m.parquet"))]
    assert listings[0] == listings[1]
    assert kept(listings[0]) == [("a.mp4", "CC0", "", ""), ("b.mp4", "", "", "bob")]


def test_a_column_of_truth_values_says_no_in_its_own_way(tmp_path):
    columns = {"uri": ["/v/a", "/v/b"], "consent": [True, False], "size": [7, 8], "mtime_ns": [1, 2]}
    pq.write_table(pa.table(columns), tmp_path / "m.parquet")
    listing = list_sources(str(tmp_path / "m.parquet"), STORE, licence="CC0")
    check_rights(listing)
    assert (kept(listing), codes(listing)) == ([("a", "CC0", "true", "")], [("b", "no_consent")])


# -- one file, several rows ----------------------------------------------------------------------------


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
        ("s3://b/v/a.mp4", "s3a://b/v/a.mp4"), ("gs://b/v/a.mp4", "gcs://b/v/x/../a.mp4"), ("/v/a.mp4", "file:///v/a.mp4"),
        ("/v/a.mp4", "local:///v//a.mp4"), ("s3://b/v/a.mp4", "s3://b/v/a.mp4/"),
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


def test_a_relative_name_in_a_bucket_s_manifest_is_tidied_too():
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/tidied/sub/a.mp4", b"aa")
    fs.pipe_file("/tidied/manifest.csv", b"uri,licence\n./sub//a.mp4,CC0\n")
    listing = list_sources("memory://tidied", STORE, "CC-BY", "signed")
    assert [(s.uri, s.licence) for s in listing.sources] == [("memory:///tidied/sub/a.mp4", "CC0")]
    assert listing.rejected == []


# -- one content, several files ------------------------------------------------------------------------


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


# -- refusals in a catalog -----------------------------------------------------------------------------


def _selected(catalog, listing):
    """Uris that a rebuild of this listing would process: rows of what was listed that are ok."""
    catalog.add_sources(listing, "run")
    states = catalog.table(SOURCES).states(SOURCES.fingerprint)
    ids = {s.id for s in listing.sources} | {s.id for s, _, _ in listing.rejected}
    chosen = [
        (i, s)
        for i, s in zip(states["item_id"].to_pylist(), states["status"].to_pylist(), strict=True)
        if i in ids
    ]
    assert len(chosen) == len(listing.sources) + len(listing.rejected)
    return {i for i, status in chosen if status == str(Status.OK)}


def test_a_contradiction_stops_a_source_that_was_accepted_before_and_ends_when_it_is_resolved(tmp_path):
    put(tmp_path / "a.mp4")
    catalog = Catalog(str(tmp_path / "catalog"))

    def listed(*rows: str) -> Listing:
        return list_sources(manifest(tmp_path, "\n".join(["uri,licence,consent", *rows])), STORE)

    clean = listed("a.mp4,CC0,signed")
    assert len(_selected(catalog, clean)) == 1
    assert _selected(catalog, listed("a.mp4,CC0,signed", "a.mp4,CC-BY,signed", "a.mp4,CC0,signed")) == set()
    assert len(_selected(catalog, listed("a.mp4,CC0,signed", "a.mp4,CC0,signed", "a.mp4,CC0,signed"))) == 1
    assert _selected(catalog, clean) == {clean.sources[0].id}


def test_a_refusal_ends_with_its_cause(tmp_path):
    videos = tmp_path / "videos"
    put(videos / "a.mp4"), put(videos / "b.mp4")
    catalog = Catalog(str(tmp_path / "catalog"))
    both = list_sources(str(videos), STORE, "CC0", "signed")
    assert codes(both) == [("b.mp4", "duplicate")]
    assert len(_selected(catalog, both)) == 1
    (videos / "a.mp4").unlink()
    alone = list_sources(str(videos), STORE, "CC0", "signed")
    assert _selected(catalog, alone) == {alone.sources[0].id}
