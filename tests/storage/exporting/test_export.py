"""An export holds what the version holds, in the format asked for, and its manifest says what may be done with it."""

import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from storage.errors import StorageError
from storage.exporting import chosen
from storage.exporting.export import CAPTION, Wanted, export
from storage.exporting.parts import Format
from storage.versions.version import member_rows
from tests.toy.inline import Ran
from tests.toy.pairs import content, published


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return published(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A version from before there were pairs."""
    return published(tmp_path_factory.mktemp("clips"), leave_out=("partner", "companion", "relight"))


def wanted(to: str, **more: object) -> Wanted:
    return Wanted("v1", Format(to), **more)  # type: ignore[arg-type]


def in_shards(folder: Path) -> Iterator[tuple[str, str, bytes]]:
    """Id, what it is, and its bytes, as WebDataset reads a name: up to the first dot."""
    for shard in json.loads((folder / "shards.json").read_text())["shardlist"]:
        with tarfile.open(folder / shard["url"]) as tar:
            for member in tar:
                file = tar.extractfile(member)
                assert file is not None
                item, _, what = member.name.partition(".")
                yield item, what, file.read()


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def facts(ran: Ran) -> dict[str, dict]:
    return {row["item_id"]: row for row in member_rows(ran.catalog, "v1").to_pylist()}


def test_shards_hold_every_part_of_an_item_side_by_side(ran: Ran, tmp_path: Path) -> None:
    done = export(ran.catalog, wanted("webdataset"), str(tmp_path))
    members = list(in_shards(tmp_path))
    assert (done.rows, done.pairs, done.found) == (12, True, 0)
    order = [item for item, _, _ in members]
    assert order == sorted(order)
    names = {"video.mp4": "video", "audio.flac": "audio", "companion.mp4": "companion_video"}
    names |= {
        "companion.flac": "companion_audio",
        "face_masks.bin": "face_masks",
        "lip_masks.bin": "lip_masks",
    }
    said = facts(ran)
    for item, what, data in members:
        if what != "json":
            assert data == content(item, names[what])
    mute = next(item for item, row in said.items() if "mute" in row["ingest_text"])
    assert {(item, what) for item, what, _ in members} == {
        (item, what) for item in said for what in (*names, "json") if (item, what) != (mute, "audio.flac")
    }


def test_the_json_of_an_item_has_all_its_scalar_columns(ran: Ran, tmp_path: Path) -> None:
    export(ran.catalog, wanted("webdataset"), str(tmp_path))
    said = facts(ran)
    for item, what, data in in_shards(tmp_path):
        if what == "json":
            row = json.loads(data, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
            assert row["companion_starts"] == [0, 20]
            assert row["ingest_loudness"] == (None if "mute" in row["ingest_text"] else 0.5)
            assert row.keys() == {name for name in said[item] if not name.endswith("_row")}


def test_shards_are_the_same_bytes_each_time_and_no_larger_than_asked_for(ran: Ran, tmp_path: Path) -> None:
    for name in ("one", "two"):
        export(ran.catalog, wanted("webdataset", shard_bytes=50 << 10), str(tmp_path / name))
    one, two = (sorted((tmp_path / name).glob("*.tar")) for name in ("one", "two"))
    assert len(one) > 3
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    for path in one:
        with tarfile.open(path) as tar:
            assert sum(member.size for member in tar if not member.name.endswith("json")) <= 50 << 10


def test_a_folder_has_files_and_one_table_that_leads_to_them(ran: Ran, tmp_path: Path) -> None:
    done = export(ran.catalog, wanted("folder", relit=True), str(tmp_path))
    table = pq.read_table(tmp_path / "dataset.parquet")
    paths = [name for name in table.column_names if name.endswith("_path")]
    assert len(paths) == 8
    listed = set()
    for row in table.to_pylist():
        for name in paths:
            if row[name] is not None:
                listed.add(row[name])
                assert (tmp_path / row[name]).read_bytes() == content(
                    row["item_id"], name.removesuffix("_path")
                )
        assert (row["relit_video_path"] is not None) == row["relight_relit"]
        assert row["video_path"] == f"clips/{row['item_id']}.mp4"
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*")}
    assert there == listed
    assert len(there) == done.files == 12 * 6 - 1 + 8
    assert not any(name.endswith("_row") for name in table.column_names)


def test_ltx_reads_the_clip_as_target_and_the_companion_as_reference(ran: Ran, tmp_path: Path) -> None:
    done = export(ran.catalog, wanted("ltx"), str(tmp_path))
    lines = [json.loads(line) for line in (tmp_path / "dataset.jsonl").read_text().splitlines()]
    assert (len(lines), done.rows, done.left_out) == (11, 11, 1), "the mute one is left out"
    columns = {"video": "video", "audio": "audio", "reference_video": "companion_video"}
    columns |= {"reference_audio": "companion_audio"}
    for line in lines:
        assert line.keys() == {*columns, "caption"}
        item = Path(line["video"]).stem
        for name, column in columns.items():
            assert (tmp_path / line[name]).read_bytes() == content(item, column)
        assert line["caption"] == CAPTION
    assert not (tmp_path / "face_masks").exists()


def test_a_relit_pair_is_a_line_more_for_ltx(ran: Ran, tmp_path: Path) -> None:
    export(ran.catalog, wanted("ltx", relit=True, caption="Somebody."), str(tmp_path))
    lines = [json.loads(line) for line in (tmp_path / "dataset.jsonl").read_text().splitlines()]
    relit = [line for line in lines if line["video"].startswith("relit_clips/")]
    assert (len(lines), len(relit)) == (11 + 4, 4)
    for line in relit:
        assert line["reference_video"].startswith("relit_companions/")
        assert line["audio"].startswith("audio/")
        assert (tmp_path / line["reference_video"]).is_file()
    assert {line["caption"] for line in lines} == {"Somebody."}


def test_a_split_is_exported_alone(ran: Ran, tmp_path: Path) -> None:
    """The smallest one there is: who is in which follows from the sources' paths, which are others in each run."""
    splits = Counter(str(row["speakers_split"]) for row in facts(ran).values())
    split, count = min(splits.items(), key=itemgetter(1))
    export(ran.catalog, wanted("folder", split=split), str(tmp_path))
    rows = pq.read_table(tmp_path / "dataset.parquet").to_pylist()
    members = {item for item, row in facts(ran).items() if row["speakers_split"] == split}
    assert {row["item_id"] for row in rows} == members
    assert len(members) == count > 0
    assert manifest(tmp_path)["export"]["splits"] == {split: count}
    assert {path.stem for path in (tmp_path / "clips").iterdir()} == members


def test_the_version_s_manifest_lies_beside(ran: Ran, tmp_path: Path) -> None:
    done = export(ran.catalog, wanted("webdataset"), str(tmp_path))
    said = manifest(tmp_path)
    about = said.pop("export")
    assert said == ran.version.manifest
    assert about["format"] == "webdataset"
    assert about["licences"] == {"CC0": 12}
    assert (about["rows"], about["files"], about["bytes"]) == (12, done.files, done.bytes)


def test_a_version_of_clips_is_exported_without_companions(clips: Ran, tmp_path: Path) -> None:
    done = export(clips.catalog, wanted("folder"), str(tmp_path / "folder"))
    export(clips.catalog, wanted("webdataset"), str(tmp_path / "shards"))
    assert not done.pairs
    assert "companions" not in {path.name for path in (tmp_path / "folder").iterdir()}
    assert not any("companion" in what for _, what, _ in in_shards(tmp_path / "shards"))


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"to": "ltx"}, "clips without companions"),
        ({"to": "folder", "relit": True}, "made without relight"),
        ({"to": "folder", "split": "tain"}, "no row in split 'tain'; it has "),
    ],
)
def test_what_a_version_lacks_is_refused_with_a_reason(
    clips: Ran, tmp_path: Path, asked: dict, reason: str
) -> None:
    with pytest.raises(StorageError, match=reason):
        export(clips.catalog, wanted(**asked), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("other", [{"to": "webdataset"}, {"to": "folder", "split": "train"}])
def test_a_folder_with_another_export_is_refused(ran: Ran, tmp_path: Path, other: dict) -> None:
    export(ran.catalog, wanted("folder"), str(tmp_path))
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(StorageError, match="holds another export: "):
        export(ran.catalog, wanted(**other), str(tmp_path))
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_a_folder_with_other_files_is_refused(ran: Ran, tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(StorageError, match=r"holds other files \(thesis.doc\)"):
        export(ran.catalog, wanted("folder"), str(tmp_path))
    assert (tmp_path / "thesis.doc").read_text() == "mine"


def test_places_where_no_export_belongs_are_refused(ran: Ran, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="inside of the catalog"):
        export(ran.catalog, wanted("folder"), f"{ran.catalog.root}/out")
    with pytest.raises(StorageError, match="no folder of this machine"):
        export(ran.catalog, wanted("folder"), "s3://bucket/out")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be made"):
        export(ran.catalog, wanted("folder"), str(tmp_path / "file" / "out"))


@pytest.mark.parametrize("item", ["../../etc/passwd", "a/b", "", ".hidden", "a.b", "x" * 65, "a\nb", "é"])
def test_an_id_that_is_no_name_of_a_file_is_refused(item: str) -> None:
    with pytest.raises(StorageError, match="no file can be named so"):
        chosen.check_ids(chosen.pa.array(["fine-1_a", item]), "v1")


def test_batches_hold_no_more_than_was_set(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen, "BATCH_BYTES", 40 << 10)
    picked = chosen.choose(ran.catalog, "v1", Format.FOLDER, "", False)
    batches = list(chosen.read(picked, np.arange(len(picked))))
    sizes = [sum(len(data) for _, blobs in batch for data in blobs.values()) for batch in batches]
    assert len(batches) > 4
    assert max(sizes) <= 40 << 10
    assert [item for batch in batches for item, _ in batch] == list(range(12))
    assert sum(sizes) == picked.sizes_NP.clip(min=0).sum()
