"""How long a person waits: from `redub rebuild` to the first stored item, cold and warm, and for nothing.

    python -m tests.perf start

Cold is a folder without any data: Prefect makes its database, tables are created. Warm is one new video
later. The floor beside it is the least that Prefect and Ray allow: a process that imports both, starts
both as redub does, and runs one flow with one task that calls one Ray actor once.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import lance

from flows.demo.corpus import SHORT, make_corpus
from flows.environment import DEFAULTS
from tests.perf.line import Line, Say

ITEMS = 8
REDUB = str(Path(sys.executable).with_name("redub"))

FLOOR = """
import logging, os, time
import ray
from prefect import flow, task

@ray.remote
class Actor:
    def answer(self):
        return time.time()

@task
def one_task():
    return ray.get(Actor.remote().answer.remote())

@flow
def one_flow():
    ray.init(
        address="local", num_cpus=os.cpu_count() + 2, object_store_memory=256 << 20, include_dashboard=False,
        log_to_driver=False, logging_level=logging.ERROR,
    )
    return one_task()

print(one_flow())
"""


def lines(say: Say) -> list[Line]:
    with tempfile.TemporaryDirectory() as folder:
        ours, floor = redub(Path(folder) / "redub", say), bare(Path(folder) / "bare", say)
    made = []
    for kind in ("cold", "warm"):
        note = f"{ours[kind]:.1f} / {floor[kind]:.1f} s"
        made.append(
            Line(f"first item, {kind}, over bare", ours[kind] / floor[kind], "x", at_most=1.3, note=note)
        )
    note = f"{ours['no-op']:.1f} / {floor['warm exit']:.1f} s"
    made.append(
        Line("nothing to do, over bare", ours["no-op"] / floor["warm exit"], "x", at_most=1.0, note=note)
    )
    return made


def redub(folder: Path, say: Say) -> dict[str, float]:
    """Seconds from the command to the first row of the first stage; of the no-op, to its end."""
    folder.mkdir()
    videos = make_corpus(folder / "videos", people=2, takes=ITEMS // 2, broken=0, **SHORT)
    video = next(videos.glob("world*_00.mp4"))
    kept_back = video.rename(folder / video.name)
    seconds = {}
    say("redub rebuild, cold")
    seconds["cold"] = _first_row(folder, _rebuild(folder))
    kept_back.rename(video)
    say("redub rebuild, one new video")
    seconds["warm"] = _first_row(folder, _rebuild(folder))
    say("redub rebuild, nothing to do")
    begun = _rebuild(folder)
    seconds["no-op"] = time.time() - begun
    return seconds


def _rebuild(folder: Path) -> float:
    begun = time.time()
    _run([REDUB, "rebuild", "--recipe", "world", "--source", "videos"], folder, {})
    return begun


def _first_row(folder: Path, since: float) -> float:
    """When the probe table first grew after `since`; its versions know."""
    uri = str(folder / "redub-data/catalog/probe.lance")
    rows = 0
    for version in lance.dataset(uri).versions():
        before, rows = rows, lance.dataset(uri, version=version["version"]).count_rows()
        if rows > before and version["timestamp"].timestamp() > since:
            return float(version["timestamp"].timestamp() - since)
    raise AssertionError(f"{uri} did not grow")


def bare(folder: Path, say: Say) -> dict[str, float]:
    folder.mkdir()
    seconds = {}
    settings = {**DEFAULTS, "PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_HOME": str(folder)}
    for kind in ("cold", "warm"):
        say(f"bare Prefect and Ray, {kind}")
        begun = time.time()
        answered = float(_run([sys.executable, "-c", FLOOR], folder, settings).split()[-1])
        seconds[kind], seconds[f"{kind} exit"] = answered - begun, time.time() - begun
    return seconds


def _run(command: list[str], folder: Path, settings: dict[str, str]) -> str:
    own: Any = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "RAY_"))}
    done = subprocess.run(command, cwd=folder, env=own | settings, capture_output=True, text=True)
    assert not done.returncode, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout
