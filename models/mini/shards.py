"""Makes what costs seconds a person once, in files of some people each: those that are missing, in many processes."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from models.mini.held import held

SHARD = 25
"""People in a file."""


def shards(people: int) -> range:
    """Numbers of the files that so many people take."""
    return range(-(-people // SHARD))


def shard_file(folder: Path, first: int, number: int) -> Path:
    """Where the file of that number lies, if the first one begins with person `first`."""
    return folder / f"people-{first + number * SHARD:07d}.safetensors"


def missing_shards(folder: Path, plan: Any) -> list[int]:
    """Numbers of the files that are not there yet."""
    return [number for number in shards(plan.people) if not shard_file(folder, plan.first, number).is_file()]


def make_missing(
    folder: Path,
    plan: Any,
    make: Callable[[Any, Path, int], None],
    workers: int,
    tell: Callable[[int, int], None],
) -> None:
    """Calls `make(plan, file, number)` for each file that is not there; `tell` hears how many people of all are.

    Several trainings may want the same files at once: each file is made by one of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    todo = [(shard_file(folder, plan.first, number), number) for number in missing_shards(folder, plan)]
    done = plan.people - SHARD * len(todo)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        waiting = [pool.submit(_make, make, plan, file, number) for file, number in todo]
        for one in as_completed(waiting):
            one.result()
            done += SHARD
            tell(min(max(done, 0), plan.people), plan.people)


def _make(make: Callable[[Any, Path, int], None], plan: Any, file: Path, number: int) -> None:
    """Where another process is at it, waits for that."""
    with held(file.parent / "lock", number):
        if not file.is_file():
            make(plan, file, number)
