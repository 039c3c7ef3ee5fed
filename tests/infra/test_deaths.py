"""Workers that crash, hang, are killed or frozen: who is quarantined, and that nobody else pays for it."""

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

from infra.engine.jobs import Job
from infra.engine.loop import Engine
from infra.quietray import cloudpickle
from infra.resources import Needs
from tests.infra.memory import ONE, MemoryFeed, MemorySink, each, run, until, works

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def crash(x):
    kind, tally = x
    if kind == "fine":
        return os.getpid()
    with open(f"{tally}-{kind}", "a") as f:
        f.write("x")
    if kind == "segfault":
        ctypes.string_at(0)
    elif kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "cuda":
        raise RuntimeError("CUDA error: assert")
    return time.sleep(60)


def test_poison_is_quarantined_after_two_deaths_and_its_neighbours_finish(resources, tmp_path):
    kinds = ["fine"] * 24
    kinds[3], kinds[6], kinds[10], kinds[17] = "segfault", "kill", "hang", "cuda"
    tally = str(tmp_path / "tally")
    payloads = [(kind, tally) for kind in kinds]
    sink = run(resources, payloads, crash, Needs(batch=4, timeout_s=0.5))
    assert len(sink.outcomes) == 24
    reasons = {id: failed.reason for id, failed in sink.failed.items()}
    assert reasons == {
        "i0003": "the worker died (signal SIGSEGV) on this item, twice",
        "i0006": "the worker died (SIGKILL from outside, or it left by itself) on this item, twice",
        "i0010": "hung: no answer after 0.5 s, twice",
        "i0017": "the worker died (RuntimeError: CUDA error: assert) on this item, twice",
    }
    assert all(failed.attempts == 2 for failed in sink.failed.values())
    for kind in ("segfault", "kill", "hang", "cuda"):
        assert Path(f"{tally}-{kind}").read_text() == "xx", f"{kind} was tried more than twice"
    assert "in crash" in sink.failed["i0003"].detail, "the stack of the crash is told"
    assert "in crash" in sink.failed["i0010"].detail, "and where it hung"


def test_a_worker_killed_from_outside_costs_nothing_but_time(resources):
    sink, feed = MemorySink(), MemoryFeed(works(range(60)))

    def slow(x):
        time.sleep(0.1)
        return os.getpid()

    engine = Engine([Job("slow", ONE, each(slow), feed, sink)], resources)
    thread = threading.Thread(target=engine.run)
    thread.start()
    until(lambda: len(sink.done) > 5)
    os.kill(next(iter(sink.done.values())), signal.SIGKILL)
    thread.join(60)
    assert len(sink.done) == 60


def test_a_stopped_process_is_replaced_although_its_own_watchdog_sleeps_too(resources, monkeypatch):
    monkeypatch.setattr("infra.engine.pool.GRACE_S", 0.5)
    freeze = lambda x: os.kill(os.getpid(), signal.SIGSTOP) if x else x  # noqa: E731
    sink = run(resources, [0, 1, 0], freeze, Needs(timeout_s=0.5))
    assert len(sink.done) == 2
    assert sink.failed["i0001"].reason == "hung: no answer after 0.5 s, twice"
