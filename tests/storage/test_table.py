"""How Lance loses, doubles or rewrites rows, and that the ledger doesn't."""

import multiprocessing as mp
import os
import signal
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import lance
import pytest

from storage.errors import StorageError
from storage.ledger.follower import Follower
from storage.ledger.lance_files import check_space
from storage.ledger.rows import Blob
from storage.ledger.table import Status, Table
from tests.storage.ledger import MADE, Scored, row, rows


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(str(tmp_path / "t.lance"), Scored)


def keys(table: Table) -> list[str]:
    return Table(table.uri, Scored).select(None, ["key"])["key"].to_pylist()


def test_what_is_written_is_read_back_with_its_blob(table: Table) -> None:
    table.append(rows(0, 5))
    ids = table.select("item_id = 'item000003'", ["item_id"])["_rowid"].to_pylist()
    assert table.read(ids, ["sharpness", "poster"]) == [{"sharpness": 3.0, "poster": b"\x03" * 100}]


def test_rows_come_back_in_the_order_asked_for(table: Table) -> None:
    table.append(rows(0, 5))
    assert [r["sharpness"] for r in table.read([3, 0, 4, 3], ["sharpness"])] == [3.0, 0.0, 4.0, 3.0]


def test_a_replayed_append_changes_nothing(table: Table) -> None:
    """A commit whose answer got lost is sent again."""
    assert table.append(rows(0, 8)) == 8
    assert table.append(rows(0, 8)) == 0
    assert table.append(rows(4, 12)) == 4
    assert len(keys(table)) == len(set(keys(table))) == 12


def _write_same_rows(uri: str, barrier: Any) -> None:
    table = Table(uri, Scored)
    barrier.wait()
    for k in range(12):
        table.append(rows(8 * k, 8 * k + 8))


def test_writers_at_once_with_the_same_rows_write_each_once(table: Table) -> None:
    context = mp.get_context("spawn")
    barrier = context.Barrier(3)
    writers = [context.Process(target=_write_same_rows, args=(table.uri, barrier)) for _ in range(3)]
    table.append([row(10_000)])
    for w in writers:
        w.start()
    for w in writers:
        w.join()
    assert [w.exitcode for w in writers] == [0, 0, 0]
    assert len(keys(table)) == len(set(keys(table))) == 12 * 8 + 1


def _write_for_ever(uri: str, started: Any) -> None:
    table = Table(uri, Scored)
    for k in range(100_000):
        table.append(rows(4 * k, 4 * k + 4))
        started.set()


@pytest.mark.parametrize("wait_s", [0.0, 0.05, 0.17])
def test_a_killed_writer_leaves_whole_commits_and_a_table_that_works(table: Table, wait_s: float) -> None:
    context = mp.get_context("spawn")
    started = context.Event()
    writer = context.Process(target=_write_for_ever, args=(table.uri, started))
    writer.start()
    assert started.wait(30)
    time.sleep(wait_s)
    os.kill(writer.pid or 0, signal.SIGKILL)
    writer.join()
    written = keys(table)
    assert len(written) == len(set(written))
    assert len(written) % 4 == 0, "a commit of four rows is there whole or not at all"
    table.append(rows(0, len(written) + 4))
    assert sorted(keys(table)) == sorted(r["key"] for r in rows(0, len(written) + 4))


def test_adding_a_column_rewrites_no_video(table: Table) -> None:
    table.append([row(i, blob=200_000) for i in range(20)])

    @dataclass(frozen=True)
    class WithCaption:
        id: str
        sharpness: float
        poster: Blob
        caption: str | None

    before = _bytes(table.uri)
    newer = Table(table.uri, WithCaption)
    newer.append([row(99) | {"caption": "a hand"}])
    assert _bytes(table.uri) - before < 100_000
    assert newer.read([0, 20], ["caption"]) == [{"caption": None}, {"caption": "a hand"}]


@dataclass(frozen=True)
class Noted:
    id: str
    sharpness: float
    poster: Blob
    note: str | None


def test_a_column_of_newer_code_is_null_until_a_row_with_it_is_written(table: Table) -> None:
    @dataclass(frozen=True)
    class Newer:
        id: str
        sharpness: float
        poster: Blob
        note: str | None
        sound: Blob | None

    table.append([row(1)])
    newer = Table(table.uri, Newer)
    (row_id,) = newer.select(None, ["key"])["_rowid"].to_pylist()
    assert newer.read([row_id], ["note", "sharpness", "sound"]) == [
        {"note": None, "sharpness": row(1)["sharpness"], "sound": None}
    ]
    assert newer.select(None, ["note", "sharpness"]).drop_columns("_rowid").to_pylist() == [
        {"note": None, "sharpness": row(1)["sharpness"]}
    ]
    newer.append([row(2) | {"note": "new", "sound": b"la"}])
    assert Table(table.uri, Newer).select("note IS NOT NULL", ["note"])["note"].to_pylist() == ["new"]


def _write_with_note(uri: str, barrier: Any, i: int) -> None:
    table = Table(uri, Noted)
    barrier.wait()
    table.append([row(i) | {"note": f"by {i}"}])


def test_writers_that_add_the_same_column_at_once_both_succeed(table: Table) -> None:
    table.append(rows(0, 2))
    context = mp.get_context("spawn")
    barrier = context.Barrier(3)
    writers = [context.Process(target=_write_with_note, args=(table.uri, barrier, i)) for i in (10, 11, 12)]
    for w in writers:
        w.start()
    for w in writers:
        w.join()
    assert [w.exitcode for w in writers] == [0, 0, 0]
    notes = Table(table.uri, Noted).select("note IS NOT NULL", ["note"])["note"].to_pylist()
    assert sorted(notes) == ["by 10", "by 11", "by 12"]


def test_a_column_that_changes_its_type_is_refused_by_name(table: Table) -> None:
    table.append(rows(0, 2))

    @dataclass(frozen=True)
    class Changed:
        id: str
        sharpness: str
        poster: Blob

    with pytest.raises(StorageError, match="'sharpness' is double and the code now says string"):
        Table(table.uri, Changed).append([row(5) | {"sharpness": "high"}])


def test_many_small_commits_are_compacted_as_they_go(table: Table) -> None:
    for i in range(120):
        table.append([row(i)])
    assert len(table.dataset.get_fragments()) < 60
    assert len(keys(table)) == 120


def test_compaction_keeps_row_ids_and_tagged_versions(table: Table) -> None:
    for i in range(10):
        table.append([row(i)])
    assert table.dataset is not None
    table.dataset.tags.create("v1", table.dataset.version)
    table.append([row(10)])
    table.maintain(keep=timedelta(0))
    assert [r["sharpness"] for r in table.read([7, 10], ["sharpness", "poster"])] == [7.0, 10.0]
    assert lance.dataset(table.uri, version="v1").count_rows() == 10


def test_a_follower_sees_each_row_once_across_compaction(table: Table) -> None:
    table.append(rows(0, 3))
    follower = Follower(Table(table.uri, Scored), MADE.fingerprint)
    assert follower.new().num_rows == 3
    table.append(rows(3, 5))
    table.maintain()
    table.append(rows(5, 6))
    assert sorted(follower.new()["item_id"].to_pylist()) == [f"item{i:06d}" for i in (3, 4, 5)]
    assert follower.new().num_rows == 0


def test_a_follower_may_begin_before_the_table(table: Table) -> None:
    follower = Follower(Table(table.uri, Scored), MADE.fingerprint)
    follower.skip_to_now()
    assert follower.new().num_rows == 0
    table.append(rows(0, 2))
    assert follower.new().num_rows == 2


def test_the_newest_revision_is_the_state(table: Table) -> None:
    table.append([row(1, status=Status.QUARANTINED), row(2)])
    table.append([row(1, 1, status=Status.RETRY)])
    assert _states(table) == {"item000001": "retry", "item000002": "ok"}
    table.append([row(1, 2)])
    assert _states(table) == {"item000001": "ok", "item000002": "ok"}


def _states(table: Table) -> dict[str, str]:
    s = table.states(MADE.fingerprint)
    return dict(zip(s["item_id"].to_pylist(), s["status"].to_pylist(), strict=True))


def test_looking_at_a_table_that_is_not_there_makes_none(table: Table) -> None:
    assert table.states(MADE.fingerprint).num_rows == 0
    assert not Path(table.uri).exists()


def test_a_nearly_full_disk_stops_before_writing(table: Table) -> None:
    table.append(rows(0, 1))
    with pytest.raises(StorageError, match=r"is full.*run the same command again"):
        check_space(table.uri, 1 << 60)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_a_clear_stop_and_the_table_stays_whole(tmp_path: Path, monkeypatch: Any) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.system(f"mount -t tmpfs -o size=4m tmpfs {disk} 2>/dev/null"):
        pytest.skip("this machine does not let us mount a small disk")
    monkeypatch.setattr(
        "storage.ledger.lance_files.DISK_MARGIN", -(1 << 40)
    )  # meet the real error, not our own check
    try:
        table = Table(str(disk / "t.lance"), Scored)
        table.append([row(0, blob=100_000)])
        with pytest.raises(StorageError, match="full"):
            table.append([row(i, blob=1_000_000) for i in range(1, 9)])
        assert keys(table) == [row(0)["key"]]
        os.system(f"mount -o remount,size=64m {disk}")
        assert table.append([row(i, blob=1_000_000) for i in range(9)]) == 8
    finally:
        os.system(f"umount {disk}")


def _bytes(uri: str) -> int:
    return sum(f.stat().st_size for f in Path(uri).rglob("*") if f.is_file())
