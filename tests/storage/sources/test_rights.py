"""Rights: a text that says nothing is not given, and nothing enters without a licence and a consent."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.sources import SourceError, check_rights, list_sources, make_source
from storage.sources.rights import given, given_column
from tests.storage.sources.listings import STORE, codes, kept, manifest, put

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


@pytest.mark.parametrize("cell", ["", " ", "NaN", "None", "unknown", "n/a", "-", "<NA>"])
def test_an_empty_cell_is_nobodys_name_however_it_is_written(tmp_path, cell):
    """Or all who have no name would be one person, in one split."""
    for name in "abc":
        (tmp_path / f"{name}.mp4").write_bytes(name.encode())
    spec = manifest(tmp_path, f"uri,speaker\na.mp4,{cell}\nb.mp4,0\nc.mp4, Noa \n")
    assert [s.speaker for s in list_sources(spec, STORE).sources] == ["", "0", "Noa"]
