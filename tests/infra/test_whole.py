"""A job that is one unit of work: what goes wrong in it goes wrong for all of it, and is never done in part."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from infra.engine.blackbox import BlackBox
from infra.engine.jobs import Job, WholeFailed
from infra.engine.loop import Engine
from infra.engine.worker_split import StageLoad, split
from infra.quietray import cloudpickle
from infra.resources import Needs, Resources
from tests.infra.memory import MemoryFeed, MemorySink, works

cloudpickle.register_pickle_by_value(sys.modules[__name__])

ITEMS = 40


def run_whole(resources: Resources, tally: Path, hurt: str, times: int, seconds: float = 2.0) -> MemorySink:
    """A stage that numbers what it is given together, and does something bad the first `times` times."""

    def make() -> Any:
        def number(batch: list[Any]) -> list[tuple[str, Any]]:
            with open(tally, "a") as f:
                f.write(f"{len(batch)}\n")
            ill = len(tally.read_text().splitlines()) <= times
            if ill and hurt == "raise":
                raise ValueError(f"two of {len(batch)} are called Kim")
            if ill and hurt == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if ill and hurt == "hang":
                time.sleep(60)
            answers = [(work.id, (place, len(batch))) for place, work in enumerate(batch)]
            return answers[:-1] if ill and hurt == "forget" else answers

        return number

    sink = MemorySink()
    needs = Needs(batch=4, timeout_s=seconds)
    job = Job("people", needs, make, MemoryFeed(works(range(ITEMS))), sink, whole=True)
    try:
        Engine([job], resources).run()
    except WholeFailed:
        assert not sink.outcomes
        raise
    return sink


@pytest.mark.parametrize("hurt", ["raise", "kill", "hang", "forget"])
def test_what_fails_once_is_tried_again_as_a_whole(resources, tmp_path, hurt):
    sink = run_whole(resources, tmp_path / "tally", hurt, times=1)
    assert sink.done == {w.id: (w.payload, ITEMS) for w in works(range(ITEMS))}, "all saw all, in order"
    assert sink.sizes == [ITEMS], "stored at once"
    assert (tmp_path / "tally").read_text().splitlines() == [str(ITEMS)] * 2, "never in part"


@pytest.mark.parametrize(
    ("hurt", "said"),
    [
        (
            "raise",
            r"people answers all of its 40 items at once.*failed twice: ValueError: two of 40(.|\n)*Kim",
        ),
        ("kill", r"failed twice: the worker died \(SIGKILL"),
        ("hang", r"failed twice: hung: no answer after 1 s(.|\n)*in number"),
        ("forget", r"failed twice: the stage answered with id None in the place of 'i0039'"),
    ],
)
def test_what_fails_twice_stops_the_run_and_stores_nothing(resources, tmp_path, hurt, said):
    with pytest.raises(WholeFailed, match=said):
        run_whole(resources, tmp_path / "tally", hurt, times=2, seconds=1.0)
    assert (tmp_path / "tally").read_text().splitlines() == [str(ITEMS)] * 2


def test_its_deadline_is_one_items_not_the_sum(resources, tmp_path):
    began = time.monotonic()
    run_whole(resources, tmp_path / "tally", "hang", times=1, seconds=2.0)
    assert time.monotonic() - began < 2.0 * ITEMS


def test_it_gets_one_worker_however_much_waits():
    load = StageLoad("people", 100.0, 1.0, Needs(cpus=1), waiting=10_000, whole=True)
    assert split([load], Resources(cpus=8), {}) == {"people": 1}


def test_a_watchdog_for_millions_of_slow_items_can_be_set(tmp_path):
    with BlackBox(str(tmp_path / "box")).at(["i"], 3600.0 * 3_000_000):
        pass
