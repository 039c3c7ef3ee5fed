"""An export that is killed, or whose disk is full, goes on where it was and leaves nothing half-written."""

import os
import random
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from storage.errors import StorageError
from storage.exporting.export import Wanted, export
from storage.exporting.parts import Format
from storage.ledger.lock import CatalogBusy, catalog_lock
from storage.versions.find_person import find_source
from storage.versions.forget import forget
from storage.versions.version import member_rows
from tests.toy.inline import Ran
from tests.toy.pairs import content, published

KB, CLIPS = 20, 60
NAMES = {
    "clips": "video",
    "audio": "audio",
    "companions": "companion_video",
    "companion_audio": "companion_audio",
}
NAMES |= {name: name for name in ("face_masks", "lip_masks")}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return published(tmp_path_factory.mktemp("pairs"), clips=CLIPS, kb=KB)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Of 4 MB, while 7 MB are to be written."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.system(f"mount -t tmpfs -o size=4m tmpfs {disk} 2>/dev/null"):
        pytest.skip("needs the right to mount a small disk")
    yield disk
    os.system(f"umount -l {disk}")


def begun(ran: Ran, to: str, out: Path, most: int | str = "") -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.storage.exporting.interrupted", ran.catalog.root, to, out, most]
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def finished_files(out: Path) -> dict[Path, tuple[int, int]]:
    """Those under their own names: which file it is, and when it was written."""
    files = [path for path in out.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def check_whole(path: Path) -> None:
    """A file with a final name holds all that belongs in it."""
    if path.suffix == ".tar":
        with tarfile.open(path) as tar:
            names = [member.name for member in tar]
            assert names[-1].endswith(".json")
            for member in tar:
                file = tar.extractfile(member)
                assert file is not None
                assert len(file.read()) == member.size
        assert path.stat().st_size % tarfile.RECORDSIZE == 0
    elif path.parent.name in NAMES:
        assert path.read_bytes() == content(path.stem, NAMES[path.parent.name], KB)


@pytest.mark.parametrize("to", list(Format))
def test_killed_again_and_again_it_goes_on_and_redoes_nothing(ran: Ran, tmp_path: Path, to: str) -> None:
    out = tmp_path / "out"
    before: dict[Path, tuple[int, int]] = {}
    for kb in (700, 2100, 3500):
        process = begun(ran, to, out, kb << 10)
        assert process.wait(60) == -signal.SIGKILL
        there = finished_files(out)
        assert len(there) > len(before), "something was written"
        assert before.items() <= there.items(), "what was whole is not written again"
        assert not (out / "manifest.json").exists()
        for path in there:
            check_whole(path)
        before = there
    done = export(ran.catalog, Wanted("v1", Format(to), shard_bytes=300 << 10), str(out))
    there = finished_files(out)
    assert before.items() <= there.items()
    assert done.found == len(before)
    assert not list(out.rglob("*.part"))
    export(ran.catalog, Wanted("v1", Format(to), shard_bytes=300 << 10), str(tmp_path / "at once"))
    assert held(out) == held(tmp_path / "at once")


def held(out: Path) -> dict[Path, bytes]:
    return {path.relative_to(out): path.read_bytes() for path in finished_files(out)}


def test_killed_at_moments_of_chance_nothing_is_half_written(ran: Ran, tmp_path: Path) -> None:
    chance = random.Random(3)
    for to in ("webdataset", "folder"):
        for _ in range(4):
            process = begun(ran, to, tmp_path / to)
            threading.Timer(chance.uniform(0.05, 0.4), process.kill).start()
            process.wait(60)
            for path in finished_files(tmp_path / to):
                check_whole(path)
        done = export(ran.catalog, Wanted("v1", Format(to), shard_bytes=300 << 10), str(tmp_path / to))
        assert done.rows == CLIPS
        for path in finished_files(tmp_path / to):
            check_whole(path)


def test_a_full_disk_is_foreseen_in_one_sentence(ran: Ran, disk: Path) -> None:
    with pytest.raises(StorageError) as refused:
        export(ran.catalog, Wanted("v1", Format.FOLDER), str(disk / "out"))
    said = str(refused.value)
    assert (
        f"the disk under {disk / 'out'} is full: 7.4 MB are still to be written, and 4.2 MB are free" in said
    )
    assert "the 0 of 359 files that are whole (0.0 MB) are kept" in said
    assert "\n" not in said
    assert not finished_files(disk / "out")


@pytest.mark.parametrize("to", list(Format))
def test_a_disk_that_fills_up_in_the_middle_keeps_what_is_whole_and_the_next_run_goes_on(
    ran: Ran, disk: Path, to: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.exporting.chosen.BATCH_BYTES", 256 << 10)
    out, filled = disk / "out", disk / "somebody-else"
    os.system(f"mount -o remount,size=16m {disk}")

    def fill(now: object) -> None:
        if now.bytes_whole > 2_000_000 and not filled.exists():  # type: ignore[attr-defined]
            free = os.statvfs(disk)
            filled.write_bytes(bytes(free.f_bavail * free.f_bsize - (200 << 10)))

    wanted = Wanted("v1", to, shard_bytes=300 << 10)
    with pytest.raises(StorageError, match=f"the disk under {out} is full.*are kept.*goes on from there"):
        export(ran.catalog, wanted, str(out), fill)
    kept = finished_files(out)
    assert kept
    for path in kept:
        check_whole(path)
    assert not list(out.rglob("*.part")), "what was begun is cleared away"
    filled.unlink()
    done = export(ran.catalog, wanted, str(out))
    assert done.found == len(kept)
    assert kept.items() <= finished_files(out).items()
    assert (out / "manifest.json").is_file()


def test_a_whole_export_is_left_as_it_is_and_a_file_that_was_lost_is_written_again(
    ran: Ran, tmp_path: Path
) -> None:
    wanted = Wanted("v1", Format.FOLDER)
    first = export(ran.catalog, wanted, str(tmp_path))
    before = finished_files(tmp_path)
    again = export(ran.catalog, wanted, str(tmp_path))
    assert (again.found, finished_files(tmp_path)) == (first.files, before)
    lost = next(path for path in before if path.parent.name == "companions")
    lost.unlink()
    assert export(ran.catalog, wanted, str(tmp_path)).found == first.files - 1
    check_whole(lost)


def test_two_exports_into_one_folder_do_not_meet(ran: Ran, tmp_path: Path) -> None:
    with catalog_lock(str(tmp_path), "export of v1"), pytest.raises(CatalogBusy, match="being written"):
        export(ran.catalog, Wanted("v1", Format.FOLDER), str(tmp_path))


def test_what_was_forgotten_since_is_not_mixed_with_what_was_exported(tmp_path: Path) -> None:
    ran = published(tmp_path, clips=12)
    out = str(tmp_path / "out")
    export(ran.catalog, Wanted("v1", Format.FOLDER), out)
    before = ids(out)
    with ran.catalog.lock("forget"):
        forget(ran.catalog, find_source(ran.catalog, "person0.txt"))
    with pytest.raises(StorageError, match="holds another export: rows 12 and not 9"):
        export(ran.catalog, Wanted("v1", Format.FOLDER), out)
    export(ran.catalog, Wanted("v1", Format.FOLDER), str(tmp_path / "new"))
    assert ids(str(tmp_path / "new")) == set(member_rows(ran.catalog, "v1")["item_id"].to_pylist()) < before


def ids(out: str) -> set[str]:
    return set(pq.read_table(f"{out}/dataset.parquet")["item_id"].to_pylist())
