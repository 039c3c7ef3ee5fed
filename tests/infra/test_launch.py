"""A training's function on real workers of a real local Ray: good ends, deaths, refusals, and wishes to stop."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from infra.launch.driver import launch
from infra.launch.outcome import Ended, LaunchError
from infra.profiles import Profile, Training
from infra.quietray import ray
from tests.infra.counting import Count, count, refuse, sleep_deaf, stumble, sum_ranks

ONE = Profile(name="one", training=Training())
TWO = Profile(name="two", training=Training(workers=2))

SCRIPT = """
import sys
from pathlib import Path
from infra.launch.driver import launch
from infra.profiles import Profile
from tests.infra.counting import Count, count

profile = Profile(name="test", cpus=2, gpus=0, ray_address=sys.argv[2] or None)
ended = launch(profile, count, Count(Path(sys.argv[1]), 100_000), lambda event: None, stop=lambda: False)
print(ended.state, ended.attempts, ended.result["steps"] == int(Path(sys.argv[1]).read_text()))
"""


class Listener:
    """Remembers what it is told, and can wish for an end after so many events."""

    def __init__(self, enough: int = 10**9) -> None:
        self.events: list[dict[str, Any]] = []
        self.enough = enough
        self.since = 0.0

    def __call__(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def stop(self) -> bool:
        if len(self.events) >= self.enough and not self.since:
            self.since = time.monotonic()
        return len(self.events) >= self.enough

    def all(self, name: str) -> list[Any]:
        return [event[name] for event in self.events if name in event]


def run(profile: Profile, function: Any, payload: Any, told: Listener | None = None, **options: Any) -> Ended:
    told = told or Listener()
    return launch(profile, function, payload, told, stop=told.stop, **options)


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def until(condition: Any, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return bool(condition())


def all_free() -> bool:
    return ray.available_resources().get("CPU") == ray.cluster_resources()["CPU"]


# good days


@pytest.mark.chaos  # the next one finishes, too, after a death
def test_it_finishes_with_the_result_and_events_come_once_and_in_order(resources, tmp_path):
    told = Listener()
    ended = run(ONE, count, Count(tmp_path / "steps", 40), told)
    assert ended == Ended("finished", 1, result={"steps": 40})
    assert told.all("step") == list(range(1, 41))
    assert until(all_free, 5)
    context = ray.get_runtime_context()
    notes = Path(context.get_temp_dir(), context.get_session_name(), "redub")
    assert not list(notes.glob("training-*")), "Ray Train's own folder is removed"


@pytest.mark.chaos  # half a minute of starting processes
def test_two_workers_have_ranks_one_thread_each_and_sum_over_them(resources, monkeypatch):
    monkeypatch.setenv("REDUB_MARK", "reaches workers")
    told = Listener()
    ended = run(TWO, sum_ranks, 2.0, told)
    assert ended.state == "finished", ended
    assert (ended.result["rank"], ended.result["world"], ended.result["total"].item()) == (0, 2, 6.0)
    assert sorted(told.all("rank")) == [0, 1]
    assert told.all("threads") == [1, 1]
    assert told.all("mark") == ["reaches workers"] * 2


# bad days


def test_a_killed_worker_is_started_again_and_goes_on(resources, tmp_path):
    told = Listener()
    ended = run(ONE, count, Count(tmp_path / "steps", 30, die_at=20), told)
    assert ended == Ended("finished", 2, result={"steps": 30})
    assert told.all("at") == [0, 20]
    assert [(e["attempt"], e["message"]) for e in told.events if e.get("event") == "attempt"] == [
        (2, "the process of rank 0 died: SIGKILL from outside, or it left by itself")
    ]


@pytest.mark.chaos
def test_an_exception_is_tried_as_often_as_allowed_and_then_said(resources, tmp_path):
    file = tmp_path / "starts"
    ended = run(ONE, stumble, str(file), attempts=2)
    assert (ended.state, ended.attempts) == ("failed", 2)
    assert ended.message == "ValueError: no such word in starts (rank 0)"
    assert "in stumble" in ended.detail
    assert "/ray/" not in ended.detail
    assert file.read_text() == "xx"


@pytest.mark.chaos  # half a minute of starting processes
def test_a_refusal_is_not_tried_again(resources, tmp_path):
    file = tmp_path / "starts"
    ended = run(ONE, refuse, str(file))
    assert (ended.state, ended.attempts) == ("failed", 1)
    assert ended.message == "tests.infra.counting.NoData: the dataset is empty (rank 0)"
    assert file.read_text() == "x"


# wishes to stop


def test_a_wish_to_stop_lets_it_save_and_frees_everything_within_seconds(resources, tmp_path):
    told = Listener(enough=20)
    ended = run(ONE, count, Count(tmp_path / "steps", 100_000), told)
    assert (ended.state, ended.attempts) == ("stopped", 1)
    assert ended.result == {"steps": int((tmp_path / "steps").read_text())}
    assert time.monotonic() - told.since < 10
    assert until(all_free, 5)
    assert until(lambda: not is_alive(told.all("started")[0]), 5)


@pytest.mark.chaos
def test_who_does_not_listen_is_killed_after_the_grace(resources):
    told = Listener(enough=1)
    ended = run(ONE, sleep_deaf, 600.0, told, grace_s=1.0)
    assert ended == Ended("stopped", 1, "did not stop within 1 s, and was killed")
    assert until(lambda: not is_alive(told.all("pid")[0]), 10)
    assert until(all_free, 10)


def script(file: Path, address: str = "") -> subprocess.Popen[str]:
    """A driver with a Ray of its own, in a process group of its own, as a terminal would give it."""
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", SCRIPT, str(file), address]
    driver = subprocess.Popen(command, start_new_session=True, **pipes)
    assert until(file.exists, 180), driver.communicate(timeout=5)
    return driver


@pytest.mark.chaos
def test_ctrl_c_in_a_terminal_stops_and_saves_and_nothing_else_is_printed(tmp_path):
    driver = script(tmp_path / "steps")
    os.killpg(driver.pid, signal.SIGINT)
    out, errors = driver.communicate(timeout=180)
    assert (out.strip(), errors) == ("stopped 1 True", "")


@pytest.mark.chaos
@pytest.mark.parametrize("joined", [False, True], ids=["with its own Ray", "on a cluster"])
def test_a_killed_driver_leaves_no_worker_behind(resources, tmp_path, joined):
    file = tmp_path / "steps"
    driver = script(file, ray.get_runtime_context().gcs_address if joined else "")
    driver.kill()
    driver.wait()

    def still() -> bool:
        before = file.read_text()
        time.sleep(1)
        return before == file.read_text()

    assert until(still, 15)
    assert until(all_free, 10)


# before anything starts


def test_what_cannot_be_launched_is_refused_with_the_next_step(resources):
    def inner(payload: Any, channel: Any) -> None: ...

    with pytest.raises(LaunchError, match="inner can't be called on other machines: launch a function of"):
        run(ONE, inner, None)
    with pytest.raises(LaunchError, match=r"can't be sent to workers .*: pass names and numbers"):
        run(ONE, count, threading.Lock())
    large = Profile(name="large", training=Training(workers=(8, 16), cpus=2))
    with pytest.raises(
        LaunchError, match=r"'large' wants 8 workers with 2 CPUs each for a training, and there"
    ):
        run(large, count, None)
