"""The other half of a pair: what a manifest may say of it, and what is refused before anything is read."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.ledger.catalog import Catalog
from storage.ledger.node import LISTED, SOURCES
from storage.ledger.table import Table
from storage.sources import SourceError, list_sources, make_source
from tests.storage.sources.listings import STORE, codes, manifest, names, put, reasons


@pytest.fixture
def folder(tmp_path):
    put(tmp_path / "videos" / "a.mp4", b"a"), put(tmp_path / "videos" / "b.mp4", b"bb")
    put(tmp_path / "dubs" / "a.mp4", b"dub of a"), put(tmp_path / "dubs" / "z.mp4", b"another")
    return tmp_path


def listed(folder, text, **options):
    return list_sources(manifest(folder / "videos", text), STORE, "CC0", "given", **options)


def test_a_companion_is_found_beside_the_manifest_and_is_part_of_the_id(folder):
    listing = listed(folder, "uri,companion,origin\na.mp4,../dubs/a.mp4,rendered\nb.mp4,,\n")
    pair, alone = listing.sources
    assert (pair.companion, pair.companion_size, pair.origin) == (
        str(folder / "dubs" / "a.mp4"), 8, "rendered",
    )  # fmt: skip
    assert (alone.companion, alone.origin) == (None, None)
    status = os.stat(alone.uri)
    assert alone == make_source(alone.uri, status.st_size, status.st_mtime_ns, "CC0", "given", "")
    status = os.stat(pair.uri)
    assert pair.id != make_source(pair.uri, status.st_size, status.st_mtime_ns, "CC0", "given", "").id
    (folder / "dubs" / "a.mp4").write_bytes(b"dubbed anew")
    again = listed(folder, "uri,companion,origin\na.mp4,../dubs/a.mp4,rendered\nb.mp4,,\n")
    assert again.sources[0].id != pair.id
    assert again.sources[1].id == alone.id


def test_origin_is_imported_unless_said_and_nothing_else_is_understood(folder):
    text = "uri,companion,origin\na.mp4,../dubs/a.mp4,\nb.mp4,../dubs/z.mp4,painted\n"
    listing = listed(folder, text)
    assert [source.origin for source in listing.sources] == ["imported"]
    ((name, code, reason),) = reasons(listing)
    assert (name, code) == ("b.mp4", "bad_origin")
    assert "rendered or imported" in reason


def test_a_column_origin_of_something_else_means_nothing_without_companions(folder):
    listing = listed(folder, "uri,origin\na.mp4,youtube\n")
    assert [(s.origin, s.companion) for s in listing.sources] == [(None, None)]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("../dubs/gone.mp4", "companion_missing"),
        ("../dubs", "companion_not_regular"),
        ("../dubs/pipe", "companion_not_regular"),
        ("../dubs/link.mp4", "companion_broken_link"),
        ("a.mp4", "companion_same"),
        ("./x/../a.mp4", "companion_same"),
        ("nostore://bucket/a.mp4", "companion_bad_address"),
    ],
)
def test_a_companion_that_is_no_file_refuses_its_source(folder, cell, code):
    os.mkfifo(folder / "dubs" / "pipe")
    (folder / "dubs" / "link.mp4").symlink_to(folder / "nowhere")
    listing = listed(folder, f"uri,companion\na.mp4,{cell}\nb.mp4,../dubs/a.mp4\n")
    assert names(listing) == ["b.mp4"]
    assert codes(listing) == [("a.mp4", code)]


def test_cells_that_say_nothing_are_no_companion(folder):
    listing = listed(folder, "uri,companion\na.mp4,NaN\nb.mp4,none\n")
    assert [source.companion for source in listing.sources] == [None, None]


def test_a_folder_does_not_list_its_dubs_as_sources(folder):
    (folder / "manifest.csv").write_text("uri,companion\nvideos/a.mp4,dubs/a.mp4\n")
    listing = list_sources(str(folder), STORE, "CC0", "given")
    assert names(listing) == ["z.mp4", "a.mp4", "b.mp4"]
    assert [source.companion is not None for source in listing.sources] == [False, True, False]


def test_one_video_may_be_half_of_several_pairs_but_not_twice_of_one(folder):
    text = "uri,companion\na.mp4,\na.mp4,../dubs/a.mp4\na.mp4,../dubs/z.mp4\na.mp4,../dubs/a.mp4\n"
    listing = listed(folder, text)
    assert sorted(os.path.basename(s.companion) for s in listing.sources) == ["a.mp4", "z.mp4"]
    assert [code for _, code, _ in reasons(listing)] == ["duplicate", "duplicate"]
    assert any("row 1 of" in reason and "names the same file as row 2" in reason
               for _, _, reason in reasons(listing))  # fmt: skip


def test_equal_content_is_a_duplicate_only_of_the_same_pair(folder):
    put(folder / "videos" / "copy.mp4", b"a"), put(folder / "videos" / "third.mp4", b"a")
    text = "uri,companion\na.mp4,../dubs/a.mp4\ncopy.mp4,../dubs/z.mp4\nthird.mp4,\n"
    listing = listed(folder, text)
    assert names(listing) == ["a.mp4", "copy.mp4"]
    assert codes(listing) == [("third.mp4", "duplicate")]


def test_rights_that_contradict_are_refused_across_pairs_of_one_video(folder):
    text = "uri,companion,licence\na.mp4,../dubs/a.mp4,CC0\na.mp4,../dubs/z.mp4,CC-BY\n"
    assert codes(listed(folder, text)) == [("a.mp4", "conflicting_rights")] * 2


def test_a_column_that_is_nearly_the_name_is_refused_and_an_original_is_not(folder):
    with pytest.raises(SourceError, match="rename 'companions' to `companion`"):
        listed(folder, "uri,companions\na.mp4,../dubs/a.mp4\n")
    assert names(listed(folder, "uri,original\na.mp4,x\n")) == ["a.mp4"]


def test_rows_with_size_and_time_are_believed_but_companions_are_looked_at(folder):
    path = folder / "m.parquet"
    columns = {"uri": ["no/a.mp4", "no/b.mp4"], "size": [7, 7], "mtime_ns": [1, 2]}
    pq.write_table(pa.table(columns | {"companion": ["dubs/a.mp4", "dubs/gone.mp4"]}), path)
    listing = list_sources(str(path), STORE, "CC0", "given")
    assert [(source.size, source.companion_size) for source in listing.sources] == [(7, 8)]
    assert codes(listing) == [("b.mp4", "companion_missing")]


def test_a_catalog_from_before_gains_the_columns_and_its_rows_stay(folder):
    listing = listed(folder, "uri,companion\na.mp4,../dubs/a.mp4\nb.mp4,\n")
    catalog = Catalog(str(folder / "catalog"))
    catalog.add_sources(listing, "run")
    table = catalog.table(SOURCES)
    table.refresh().drop_columns(["companion", "companion_size", "companion_mtime_ns", "origin"])
    older = Catalog(str(folder / "catalog"))
    put(folder / "videos" / "c.mp4", b"ccc")
    more = listed(folder, "uri,companion\nc.mp4,../dubs/z.mp4\n")
    assert older.add_sources(more, "run 2") == 1
    rows = Table(older.uri("sources"), SOURCES.output).select(
        f"fingerprint = '{LISTED.fingerprint}'", ["uri", "companion", "origin"]
    )
    assert sorted((os.path.basename(r["uri"]), r["origin"]) for r in rows.to_pylist()) == [
        ("a.mp4", None), ("b.mp4", None), ("c.mp4", "imported"),
    ]  # fmt: skip
