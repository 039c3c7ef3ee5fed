"""The header of a manifest: a column that was meant for us is never ignored in silence."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.sources import SourceError, list_sources
from tests.storage.sources.listings import STORE


def written(folder, names, kind):
    """A manifest with these columns, in which only `uri`, size and time hold anything."""
    cells = ["/v/a.mp4" if n == "uri" else "7" if n in ("size", "mtime_ns") else "x" for n in names]
    path = folder / f"m.{kind}"
    if kind == "csv":
        path.write_text("\n".join([",".join(names), ",".join(cells)]))
    else:
        pq.write_table(pa.Table.from_arrays([pa.array([cell]) for cell in cells], names=names), path)
    return str(path)


NEARLY = {
    "licence": [
        "license",
        "License",
        "Licence",
        " licence",
        "licence ",
        "LICENCE",
        "licences",
        "lisence",
        "licenses",
        "rights",
    ],
    "consent": ["Consent", "consents", "concent", "consent?", "consent\u00a0"],
    "speaker": ["speakers", "Speaker", "speaker_id", "SPEAKER"],
    "mtime_ns": ["mtime", "mtime-ns", "mtimens", "mtime_ns "],
    "size": ["Size", "size_", "\ufeffsize"],
}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(("right", "odd"), [(right, odd) for right, odds in NEARLY.items() for odd in odds])
def test_a_column_that_is_nearly_a_known_one_is_refused(tmp_path, odd, right, kind):
    with pytest.raises(SourceError) as caught:
        list_sources(written(tmp_path, ["uri", odd], kind), STORE)
    assert f"m.{kind}" in str(caught.value)
    assert repr(odd) in str(caught.value)
    assert f"`{right}`" in str(caught.value)
    assert "rename" in str(caught.value)


@pytest.mark.parametrize("odd", ["URI", " uri", "uri ", "Uri", "uris"])
def test_a_uri_column_that_is_nearly_one_is_named(tmp_path, odd):
    with pytest.raises(SourceError, match=r"m\.csv: .*`uri`"):
        list_sources(written(tmp_path, [odd, "licence"], "csv"), STORE)


def test_all_odd_columns_are_named_at_once_even_beside_the_right_ones(tmp_path):
    with pytest.raises(SourceError, match=r"'license'.*'Speaker'"):
        list_sources(written(tmp_path, ["uri", "licence", "license", "Speaker"], "csv"), STORE)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_columns_that_are_plainly_something_else_are_ignored(tmp_path, kind):
    names = ["uri", "size", "mtime_ns", "licence", "notes", "duration", "title", "language", "fps", "date", "path", "url",
             "content", "context", "speech", "time", "licence_url", "consent_date", "speaker_age", "id"]  # fmt: skip
    listing = list_sources(written(tmp_path, names, kind), STORE)
    assert [s.licence for s in listing.sources] == ["x"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["licence", "uri", "notes"])
def test_a_column_that_is_there_twice_is_refused(tmp_path, name, kind):
    with pytest.raises(SourceError, match=rf"m\.{kind}: .*'{name}' .*twice"):
        list_sources(written(tmp_path, ["uri", name, "title", name], kind), STORE)


def test_nameless_columns_at_the_end_as_spreadsheets_write_them_are_ignored(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("uri,size,mtime_ns,,\n/v/a.mp4,7,1,,\n")
    assert len(list_sources(str(path), STORE).sources) == 1


@pytest.mark.parametrize("header", ["uri,licence", '"uri","licence"'])
def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path, header):
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "m.csv").write_text(f"{header}\na.mp4,CC0\n", encoding="utf-8-sig")
    assert [s.licence for s in list_sources(str(tmp_path / "m.csv"), STORE).sources] == ["CC0"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_header_without_rows_lists_nothing(tmp_path, kind):
    if kind == "csv":
        (tmp_path / "m.csv").write_text("uri,licence\n")
    else:
        pq.write_table(pa.table({"uri": pa.array([], pa.string())}), tmp_path / "m.parquet")
    listing = list_sources(str(tmp_path / f"m.{kind}"), STORE)
    assert (listing.sources, listing.rejected) == ([], [])
