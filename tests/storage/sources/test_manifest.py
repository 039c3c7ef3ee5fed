"""Manifests: what they need, what is believed, and how long a large one takes."""

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.sources import SourceError, list_sources, make_source
from tests.storage.sources.listings import STORE, put


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
