"""Whole rebuilds where a home folder can't be written, and where somebody else holds Prefect's database most of the time."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flows.demo.corpus import SHORT, make_corpus
from storage.ledger.catalog import Catalog
from storage.versions.version import tags
from tests.infra.test_home import NO_RIGHTS

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]
HELD_S, FREE_S = 20.0, 0.5


@pytest.fixture
def here(tmp_path: Path) -> Path:
    make_corpus(tmp_path / "videos", people=2, takes=2, broken=0, **SHORT)
    (tmp_path / "clips.toml").write_text("base = 'world'\ncompanion = false\n")
    return tmp_path


@pytest.mark.skipif(os.getuid() == 0 and not shutil.which(NO_RIGHTS[0]), reason="only root is here")
def test_a_rebuild_needs_nothing_of_a_home_that_is_read_only(here: Path) -> None:
    (here / "home").mkdir(mode=0o500)
    rebuilt(here, *(NO_RIGHTS if os.getuid() == 0 else ()), HOME=str(here / "home"))
    assert not list((here / "home").iterdir())


def test_a_rebuild_goes_on_and_says_nothing_while_prefects_database_is_locked(here: Path) -> None:
    over, held = threading.Event(), []
    database = here / "redub-data" / "prefect" / "prefect.db"
    locking = threading.Thread(target=lock, args=(database, over, held))
    locking.start()
    try:
        said = rebuilt(here)
    finally:
        over.set()
        locking.join()
    assert len(held) >= 2, "it was over before it was hindered"
    assert "locked" not in said
    assert "Error" not in said


def rebuilt(here: Path, *before: str, **env: str) -> str:
    """What it said; it has to have published."""
    command = [
        *before,
        sys.executable,
        "-m",
        "flows",
        "rebuild",
        "-s",
        "videos",
        "-c",
        "cat",
        "-r",
        "clips.toml",
    ]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environ = inherited | {"PYTHONPATH": os.getcwd()} | env
    done = subprocess.run(
        command,
        cwd=here,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert tags(Catalog(str(here / "cat"))) == ["v1"]
    return done.stdout


def lock(database: Path, over: threading.Event, held: list[float]) -> None:
    """From a few seconds after it is made: its tables are there then."""
    while not database.is_file() and not over.wait(0.2):
        pass
    over.wait(5)
    while not over.is_set():
        with sqlite3.connect(database, timeout=60, isolation_level=None) as ours:
            ours.execute("BEGIN IMMEDIATE")
            held.append(time.monotonic())
            over.wait(HELD_S)
            ours.execute("ROLLBACK")
        over.wait(FREE_S)
