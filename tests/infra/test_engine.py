"""The engine on a real local Ray: what it does on a good day, and above all on bad ones."""

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from infra.cluster import start
from infra.engine import Engine, Job, SetupError, SinkError
from infra.profiles import Profile
from infra.quietray import cloudpickle, ray
from infra.resources import Needs, Resources
from tests.infra.memory import MemoryFeed, MemorySink, each, until, works

cloudpickle.register_pickle_by_value(sys.modules[__name__])

ONE = Needs(cpus=1, timeout_s=30)


@pytest.fixture(scope="module")
def resources():
    with start(Profile(name="test", cpus=4, gpus=0)) as found:
        yield found


def run(resources, payloads, do, needs=ONE, **more):
    """One job over the payloads; its sink."""
    sink = MemorySink()
    job = Job("stage", needs, each(do), MemoryFeed(works(payloads)), sink)
    Engine([job], resources, **more).run()
    return sink


# good days


def test_a_chain_does_every_item_once_and_keeps_ids(resources):
    second = MemoryFeed(open=True)
    sinks = [MemorySink(second), MemorySink()]
    over: list[str] = []

    def first_over():
        over.append("first")
        second.close()

    feed = MemoryFeed(works(range(300)))
    jobs = [
        Job("double", Needs(batch=4), each(lambda x: 2 * x), feed, sinks[0], on_done=first_over),
        Job(
            "plus",
            Needs(batch=3),
            each(lambda x: x + 1),
            second,
            sinks[1],
            on_done=lambda: over.append("2nd"),
        ),
    ]
    engine = Engine(jobs, resources)
    engine.run()
    assert len(sinks[1].outcomes) == 300
    assert sinks[1].done == {w.id: 2 * w.payload + 1 for w in works(range(300))}
    assert over == ["first", "2nd"]
    stats = engine.stats()["plus"]
    assert (stats.done, stats.failed, stats.in_flight, stats.workers) == (300, 0, 0, 0)
    assert stats.finished


def test_stages_take_turns_where_they_do_not_all_fit():
    feeds = [MemoryFeed(works(range(20))), MemoryFeed(open=True), MemoryFeed(open=True)]
    sinks = [MemorySink(feeds[1]), MemorySink(feeds[2]), MemorySink()]
    dones = [feeds[1].close, feeds[2].close, lambda: None]
    jobs = [
        Job(f"s{i}", ONE, each(lambda x: x + 1), feed, sink, on_done=done)
        for i, (feed, sink, done) in enumerate(zip(feeds, sinks, dones, strict=True))
    ]
    with start(Profile(name="test", cpus=4, gpus=0)):
        Engine(jobs, Resources(cpus=1)).run()
    assert sinks[2].done == {w.id: w.payload + 3 for w in works(range(20))}


def test_the_first_outcome_is_committed_at_once_and_later_ones_in_pieces(resources):
    sink = run(resources, range(120), lambda x: time.sleep(0.02))
    assert sum(sink.sizes) == 120
    assert len(sink.sizes) <= 12


def test_the_engine_costs_little_beside_the_work(resources):
    sink, feed = MemorySink(), MemoryFeed(works(range(400)))
    engine = Engine([Job("quick", ONE, each(lambda x: time.sleep(0.01)), feed, sink)], resources)
    cpu, wall = time.process_time(), time.monotonic()
    engine.run()
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    assert len(sink.done) == 400
    assert cpu / 400 < 0.004, f"{1000 * cpu / 400:.2f} ms of the driver's CPU an item"
    assert wall < 12


# rows that raise


def test_a_bad_row_costs_only_itself_and_says_why(resources):
    def picky(x):
        if x == 5:
            raise ValueError("no face in row 5")
        return x

    sink = run(resources, range(12), picky, Needs(batch=4))
    assert len(sink.done) == 11
    failed = sink.failed["i0005"]
    assert failed.reason == "ValueError: no face in row 5"
    assert failed.attempts == 2
    assert 'raise ValueError("no face in row 5")' in failed.detail
    assert "infra/worker.py" not in failed.detail


def test_a_row_that_works_at_the_second_attempt_is_done(resources, tmp_path):
    def flaky(x):
        mark = Path(x)
        if not mark.exists():
            mark.touch()
            raise OSError("the network blinked")
        return "ok"

    sink = run(resources, [str(tmp_path / "mark")], flaky)
    assert sink.done == {"i0000": "ok"}


def test_sys_exit_in_a_stage_is_a_bad_row_too(resources):
    sink = run(resources, [0, 1], lambda x: sys.exit("usage: ...") if x else x)
    assert list(sink.done) == ["i0000"]
    assert sink.failed["i0001"].reason.startswith("SystemExit")


def test_a_result_with_the_wrong_id_is_never_stored(resources):
    def swapped():
        return lambda batch: [(work.id, 0) for work in reversed(batch)]

    sink = MemorySink()
    job = Job("swapped", Needs(batch=2), swapped, MemoryFeed(works(range(2))), sink)
    Engine([job], Resources(cpus=1)).run()
    assert not sink.done
    assert "with id 'i0001' in the place of 'i0000'" in sink.failed["i0000"].reason


def test_too_few_results_fail_those_that_have_none(resources):
    def short():
        return lambda batch: [(work.id, 0) for work in batch][:-1]

    sink = MemorySink()
    Engine([Job("short", Needs(batch=2), short, MemoryFeed(works(range(2))), sink)], Resources(cpus=1)).run()
    assert (list(sink.done), list(sink.failed)) == (["i0000"], ["i0001"])


# workers that die


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
        raise RuntimeError("CUDA error: device-side assert triggered")
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
        "i0017": "the worker died (RuntimeError: CUDA error: device-side assert triggered) on this item, twice",
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
    monkeypatch.setattr("infra.pool.GRACE_S", 0.5)
    freeze = lambda x: os.kill(os.getpid(), signal.SIGSTOP) if x else x  # noqa: E731
    sink = run(resources, [0, 1, 0], freeze, Needs(timeout_s=0.5))
    assert len(sink.done) == 2
    assert sink.failed["i0001"].reason == "hung: no answer after 0.5 s, twice"


# stages and sinks that fail


def test_a_stage_that_cannot_start_is_named(resources):
    def make():
        raise FileNotFoundError("no weights at /models/x")

    job = Job("captions", ONE, make, MemoryFeed(works([1])), MemorySink())
    with pytest.raises(SetupError, match=r"captions can't start: FileNotFoundError: no weights"):
        Engine([job], resources).run()


def test_a_stage_that_crashes_while_it_starts_is_named(resources):
    job = Job("captions", ONE, lambda: ctypes.string_at(0), MemoryFeed(works([1])), MemorySink())
    with pytest.raises(SetupError, match=r"captions in a row: each died while it was set up(.|\n)*string_at"):
        Engine([job], Resources(cpus=1)).run()


def test_a_setup_that_hangs_is_named(resources):
    job = Job("captions", ONE, lambda: time.sleep(60), MemoryFeed(works([1])), MemorySink())
    with pytest.raises(SetupError, match="captions"):
        Engine([job], Resources(cpus=1), setup_timeout_s=0.5).run()


def test_a_stage_that_fits_nowhere_is_named():
    job = Job("captions", Needs(gpus=1), each(abs), MemoryFeed(works([1])), MemorySink())
    with pytest.raises(SetupError, match="captions needs"):
        Engine([job], Resources(cpus=4))


def test_a_full_disk_stops_the_engine_and_is_raised(resources):
    def full(outcomes):
        raise OSError("no space left on device")

    other = MemorySink()
    jobs = [
        Job("captions", ONE, each(abs), MemoryFeed(works(range(50))), full),
        Job("other", ONE, each(abs), MemoryFeed(works(range(3))), other),
    ]
    with pytest.raises(SinkError, match="captions could not be stored: OSError: no space left"):
        Engine(jobs, resources).run()
    until(lambda: not alive())


def test_stop_commits_what_is_done_and_returns(resources):
    sink, feed = MemorySink(), MemoryFeed(works(range(10_000)))
    engine = Engine([Job("slow", ONE, each(lambda x: time.sleep(0.02)), feed, sink)], resources)
    thread = threading.Thread(target=engine.run)
    thread.start()
    until(lambda: engine.stats().get("slow") is not None and engine.stats()["slow"].done > 20)
    engine.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert len(sink.done) == engine.stats()["slow"].done > 20
    until(lambda: not alive())


def alive():
    """Actors that Ray still counts against the machine."""
    return ray.available_resources().get("CPU", 0) < ray.cluster_resources()["CPU"]
