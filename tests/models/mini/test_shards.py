"""Files of people are made once, by however many trainings want them at the same time."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from models.mini.shards import SHARD, make_missing, missing_shards

FILES = 4


@dataclass(frozen=True)
class Plan:
    people: int = FILES * SHARD
    first: int = 0


def slow(plan: Plan, file: Path, number: int) -> None:
    with (file.parent / "made").open("a") as made:
        made.write(f"{number}\n")
    time.sleep(0.3)
    file.write_text(str(number))


def test_two_at_once_make_each_file_once(tmp_path: Path) -> None:
    code = f"from tests.models.mini.test_shards import wanted; wanted({str(tmp_path)!r})"
    env = os.environ | {"PYTHONPATH": os.getcwd()}
    both = [subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE) for _ in range(2)]
    said = [one.communicate(timeout=120)[0].split()[-1] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert said == [b"100", b"100"]
    assert sorted((tmp_path / "made").read_text().split()) == [str(n) for n in range(FILES)]
    assert missing_shards(tmp_path, Plan()) == []


def wanted(folder: str) -> None:
    make_missing(Path(folder), Plan(), slow, 2, lambda done, of: print(done, flush=True))
