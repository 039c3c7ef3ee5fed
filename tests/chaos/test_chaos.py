"""SIGKILL to a worker, the driver, or Ray itself, at random moments of a rebuild.

Each seed is one rebuild that is hurt and then, if that ended it, run again until it is through. What
must come out: the rows of an undisturbed rebuild, compared by content, none missing and none twice.
`make chaos` runs many more seeds, each hurt several times.
"""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import lance
import pytest

from flows.demo.corpus import SHORT, make_corpus
from flows.recipes import STAGES

VICTIMS = ("worker", "driver", "ray")
NOT_CONTENT = {"run", "seconds", "written_at", "bytes", "uri", "mtime_ns", "detail"}
BLOBS = {
    "poster", "video", "audio", "track_data", "occluder_masks", "face_masks", "lip_masks", "head_fit", "heard",
    "companion_video", "companion_audio", "relit_video", "relit_companion_video",
}  # fmt: skip
TRIES = 6
SLOWEST_S = 600
Contents = dict[str, Counter[Any]]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nobody is named in it, so that who is who depends on all clips together."""
    folder = tmp_path_factory.mktemp("chaos") / "videos"
    make_corpus(folder, people=3, takes=2, broken=5, **SHORT)
    manifest = folder / "manifest.csv"
    rows = list(csv.DictReader(manifest.read_text().splitlines()))
    with manifest.open("w", newline="") as file:
        nameless = csv.DictWriter(file, [c for c in rows[0] if c != "speaker"], extrasaction="ignore")
        nameless.writeheader()
        nameless.writerows(rows)
    return folder


@pytest.fixture(scope="module")
def undisturbed(corpus: Path) -> Callable[[str], Contents]:
    @cache
    def rows(extent: str) -> Contents:
        catalog = corpus.parent / extent
        assert _ended(_start(corpus, catalog, extent)) == 0
        return contents(catalog)

    return rows


@pytest.mark.parametrize(
    ("seed", "extent"),
    [
        (1, "clips"),  # the driver; tests/infra kills workers
        *(
            pytest.param(seed, extent, marks=pytest.mark.chaos)
            for seed, extent in ((0, "clips"), (2, "clips"), (7, "whole"))
        ),
    ],
)
def test_a_killed_rebuild_ends_with_the_same_rows(
    seed: int, extent: str, corpus: Path, undisturbed: Callable[[str], Contents], tmp_path: Path
) -> None:
    hurt_and_resume(corpus, tmp_path / "catalog", extent, random.Random(seed), VICTIMS[seed % 3], kills=1)
    assert contents(tmp_path / "catalog") == undisturbed(extent)


@pytest.mark.chaos
@pytest.mark.parametrize("hurt", ["raise", "kill"])
def test_harm_to_a_collective_gives_nobody_two_names(
    hurt: str, corpus: Path, undisturbed: Callable[[str], Contents], tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    assert _ended(_start(corpus, tmp_path / "catalog", "clips", hurt, str(mark))) == 0
    assert int(mark.read_text()) > 3, "it was at all rows together"
    found = contents(tmp_path / "catalog")
    assert found == undisturbed("clips")
    named = {dict(row)["how"] for row in found["speakers"]}
    assert "matched" in named or len(found["speakers"]) > len(
        {dict(row)["speaker"] for row in found["speakers"]}
    )


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(100, 200))
def test_many_kills(seed: int, corpus: Path, undisturbed: Callable[[str], Contents], tmp_path: Path) -> None:
    chance = random.Random(seed)
    victim, kills = chance.choice(VICTIMS), chance.randint(1, 3)
    hurt_and_resume(corpus, tmp_path / "catalog", "whole", chance, victim, kills)
    assert contents(tmp_path / "catalog") == undisturbed("whole")


def hurt_and_resume(
    corpus: Path, catalog: Path, extent: str, chance: random.Random, victim: str, kills: int
) -> None:
    for attempt in range(TRIES):
        driver = _start(corpus, catalog, extent)
        if attempt < kills:
            _hurt(driver, victim, chance)
        code = _ended(driver)
        if code == 0 and attempt + 1 >= kills:
            return
    pytest.fail(f"not through after {TRIES} runs; the last ended with {code}")


def contents(catalog: Path) -> Contents:
    """Every table's rows as a bag of what they say, without what tells when and by whom they were written."""
    return {
        name: Counter(_plain(row) for row in _rows(catalog / f"{name}.lance"))
        for name in ("sources", *STAGES)
        if (catalog / f"{name}.lance").exists()
    }


def _rows(uri: Path) -> list[dict[str, Any]]:
    dataset = lance.dataset(str(uri))
    rows = dataset.scanner(with_row_id=True).to_table().to_pylist()
    for column in BLOBS & set(dataset.schema.names):
        ids = [r["_rowid"] for r in rows]
        blobs = dataset.read_blobs(column, ids=ids, preserve_order=True)
        rows = [r | {column: blob} for r, (_, blob) in zip(rows, blobs, strict=True)]
    return rows


def _plain(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple((k, str(v)) for k, v in sorted(row.items()) if k not in NOT_CONTENT and k != "_rowid")


def _start(corpus: Path, catalog: Path, extent: str, *hurt: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.chaos.driver", str(corpus), str(catalog), extent, *hurt]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def _ended(driver: subprocess.Popen[str]) -> int:
    """Its exit code; one that hangs doesn't outlive the test."""
    try:
        return driver.wait(SLOWEST_S)
    finally:
        driver.kill()


def _hurt(driver: subprocess.Popen[str], victim: str, chance: random.Random) -> None:
    """Wait for a random moment between planning and publishing, then kill."""
    assert driver.stdout is not None
    while "started" not in (line := driver.stdout.readline()):
        assert line, "the rebuild ended before it started"
        if victim == "driver" and "planned" in line and chance.random() < 0.2:
            break
    time.sleep(chance.uniform(0.0, 12.0))
    targets = {
        "driver": lambda: [driver.pid],
        "worker": lambda: _workers(driver),
        "ray": lambda: _ray(driver),
    }
    found = targets[victim]()
    if found:
        _kill(chance.choice(found))


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it had just ended by itself: as good a moment as any


def _workers(driver: subprocess.Popen[str]) -> list[int]:
    return [p for p, name in _descendants(driver.pid) if name.startswith("ray::")]


def _ray(driver: subprocess.Popen[str]) -> list[int]:
    return [p for p, name in _descendants(driver.pid) if "raylet/raylet" in name or "gcs_server" in name]


def _descendants(root: int) -> list[tuple[int, str]]:
    parents, names = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
                names[int(entry.name)] = (
                    (entry / "cmdline").read_text().replace("\0", " ").split(" --")[0].strip()
                )
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    return [(p, names[p]) for p in parents if _is_below(p, root, parents)]


def _is_below(pid: int, root: int, parents: dict[int, int]) -> bool:
    while pid > 1:
        pid = parents.get(pid, 0)
        if pid == root:
            return True
    return False
