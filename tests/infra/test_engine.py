"""The engine on a real local Ray: good days, rows that raise, stages and sinks that fail."""

import ctypes
import sys
import threading
import time
from pathlib import Path

import pytest

from infra.engine.jobs import Job, SetupError, SinkError
from infra.engine.loop import Engine
from infra.quietray import cloudpickle, ray
from infra.resources import Needs, Resources
from tests.infra.memory import ONE, MemoryFeed, MemorySink, each, run, until, works

cloudpickle.register_pickle_by_value(sys.modules[__name__])

# good days


def test_a_chain_does_every_item_once_and_keeps_ids(resources):
    second = MemoryFeed(open=True)
    sinks = [MemorySink(second), MemorySink()]
    over: list[str] = []

    def first_over():
        over.append("first")
        second.close()

    def second_over():
        over.append("second")

    feed = MemoryFeed(works(range(300)))
    jobs = [
        Job("double", Needs(batch=4), each(lambda x: 2 * x), feed, sinks[0], on_done=first_over),
        Job("plus", Needs(batch=3), each(lambda x: x + 1), second, sinks[1], on_done=second_over),
    ]
    engine = Engine(jobs, resources)
    engine.run()
    assert len(sinks[1].outcomes) == 300
    assert sinks[1].done == {w.id: 2 * w.payload + 1 for w in works(range(300))}
    assert over == ["first", "second"]
    stats = engine.stats()["plus"]
    assert (stats.done, stats.failed, stats.in_flight, stats.workers) == (300, 0, 0, 0)
    assert stats.finished


def test_stages_take_turns_where_they_do_not_all_fit(resources):
    feeds = [MemoryFeed(works(range(20))), MemoryFeed(open=True), MemoryFeed(open=True)]
    sinks = [MemorySink(feeds[1]), MemorySink(feeds[2]), MemorySink()]
    dones = [feeds[1].close, feeds[2].close, lambda: None]
    jobs = [
        Job(f"s{i}", ONE, each(lambda x: x + 1), feed, sink, on_done=done)
        for i, (feed, sink, done) in enumerate(zip(feeds, sinks, dones, strict=True))
    ]
    Engine(jobs, Resources(cpus=1)).run()
    assert sinks[2].done == {w.id: w.payload + 3 for w in works(range(20))}


def test_the_first_outcome_is_committed_at_once_and_later_ones_in_pieces(resources):
    sink = run(resources, range(120), lambda x: time.sleep(0.02))
    assert sum(sink.sizes) == 120
    assert len(sink.sizes) <= 12


def cpu_of_plain_calls(count):
    """The driver's CPU for as many calls of one actor, four on their way at a time: what nobody gets below."""

    @ray.remote(num_cpus=0)
    class Echo:
        def say(self, x):
            return x

    echo, waiting = Echo.remote(), []
    ray.get(echo.say.remote(0))
    began = time.process_time()
    for i in range(count):
        waiting.append(echo.say.remote(i))
        if len(waiting) == 4:
            done, waiting = ray.wait(waiting)
            ray.get(done)
    ray.get(waiting)
    return time.process_time() - began


def test_the_engine_costs_little_beside_the_work(resources):
    plain = cpu_of_plain_calls(400)
    sink, feed = MemorySink(), MemoryFeed(works(range(400)))
    engine = Engine([Job("quick", ONE, each(lambda x: time.sleep(0.01)), feed, sink)], resources)
    cpu, wall = time.process_time(), time.monotonic()
    engine.run()
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    assert len(sink.done) == 400
    assert cpu < 4 * plain, (
        f"{1000 * cpu / 400:.2f} ms of the driver's CPU an item, {1000 * plain / 400:.2f} of Ray's"
    )
    assert wall < 60


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
    assert "infra/engine/worker.py" not in failed.detail


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


def test_memory_of_workers_is_kept_from_others_by_ray_and_more_than_there_is_is_scaled_down(
    resources, caplog
):
    (node,) = resources.nodes
    half = Needs(cpus=0.1, memory_gb=node.memory_gb * 0.6)

    def left(_):
        return ray.available_resources().get("memory", 0.0) / 1e9

    sink = run(resources, range(4), left, half)
    assert max(sink.done.values()) == pytest.approx(node.memory_gb * 0.4, rel=1e-3), "one at a time"
    sink = run(resources, range(2), left, Needs(cpus=0.1, memory_gb=1e6))
    assert max(sink.done.values()) < 1e-3
    assert "stage wants 1e+06 GB of memory for a worker, and no machine has more than" in caplog.text


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
