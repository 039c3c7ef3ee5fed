"""The engine next to Ray Data: a chain of three stages of uneven cost, the same callables, the same CPUs.

    python tests/perf/bench_engine.py [items] [sleep|cpu]

Both get 200 KB blobs through three stages of 10, 30 and 15 ms an item. Two variants:

- `sleep`: stages wait, as they do for a GPU or a disk, on six slots. Ideal is the pace of the best whole
  split (1, 3, 2): items x 30 ms / 3. To reach it the workers must be split well.
- `cpu`: stages compute, on this machine's cores, with two slots a core. Ideal is all work over all cores;
  the engine, Ray and the pickling of blobs compete for the same cores, so what they cost shows.

The clock starts when the first item does: both start the same processes before. `ratio` is ideal over
wall, so 1.0 is perfect. Ray Data runs with pools that scale by themselves, as the engine's do, and once
with the best split told to it (`tuned`).
"""

import contextlib
import itertools
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from infra.cluster import start
from infra.engine import Done, Engine, Failed, Job, Work
from infra.profiles import Profile
from infra.quietray import cloudpickle
from infra.resources import Needs, Resources

if __name__ != "__main__":  # workers can't import this file: what it defines travels by value
    cloudpickle.register_pickle_by_value(sys.modules[__name__])

COSTS_MS = (10.0, 30.0, 15.0)
BLOB = 200_000
SLOTS = {"sleep": 6, "cpu": 2 * (os.cpu_count() or 1)}


class Queue:
    """A feed in memory; the sink of the stage before fills it."""

    def __init__(self, works: Sequence[Work] = (), open: bool = True) -> None:
        self._works, self._open, self._lock = list(works), open, threading.Lock()

    def take(self, n: int) -> list[Work]:
        with self._lock:
            taken, self._works = self._works[:n], self._works[n:]
            return taken

    def waiting(self) -> int:
        return len(self._works)

    def closed(self) -> bool:
        return not self._open and not self._works

    def put(self, outcomes: list[Done | Failed]) -> None:
        works = [Work(done.id, done.result) for done in outcomes if isinstance(done, Done)]
        with self._lock:
            self._works += works

    def close(self) -> None:
        self._open = False


def spend(ms: float, variant: str) -> None:
    """A fixed time asleep, or a fixed piece of computing (by this process's CPU clock)."""
    if variant == "sleep":
        time.sleep(ms / 1000)
        return
    end = time.process_time() + ms / 1000
    while time.process_time() < end:
        sum(range(500))


def make_stage(ms: float, variant: str) -> Callable[[], Callable[[list[Work]], list[tuple[str, Any]]]]:
    def make() -> Callable[[list[Work]], list[tuple[str, Any]]]:
        def call(batch: list[Work]) -> list[tuple[str, Any]]:
            results = []
            for work in batch:
                begun = time.time()
                spend(ms, variant)
                blob, first, _ = work.payload
                results.append((work.id, (blob[::-1], first or begun, time.time())))
            return results

        return call

    return make


def items(n: int) -> list[Work]:
    blob = np.random.default_rng(0).bytes(BLOB)
    return [Work(f"{i:06d}", (blob, 0.0, 0.0)) for i in range(n)]


def run_engine(n: int, variant: str, resources: Resources) -> dict[str, float]:
    """Wall from the first item's start to the last item's end, and the driver's own CPU."""
    queues = [Queue(items(n), open=False), Queue(), Queue()]
    out: list[Done | Failed] = []
    nexts: list[tuple[Any, Any]] = [(q.put, q.close) for q in queues[1:]] + [(out.extend, lambda: None)]
    jobs = [
        Job(f"s{i}", needs(variant), make_stage(ms, variant), queue, sink, on_done=close)
        for i, (ms, queue, (sink, close)) in enumerate(zip(COSTS_MS, queues, nexts, strict=True))
    ]
    cpu = time.process_time()
    Engine(jobs, resources).run()
    assert sorted(o.id for o in out) == [w.id for w in items(n)]
    wall = span([o.result[1:] for o in out if isinstance(o, Done)])
    return {"wall_s": wall, "driver_cpu_s": time.process_time() - cpu}


def needs(variant: str) -> Needs:
    return Needs(cpus=1.0)


def run_ray_data(n: int, variant: str, tuned: bool) -> dict[str, float]:
    import ray.data
    from ray.data import ActorPoolStrategy

    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = [{"id": w.id, "blob": w.payload[0], "first": 0.0, "last": 0.0} for w in items(n)]
    data: Any = ray.data.from_items(rows, override_num_blocks=max(n // 10, 1))
    sizes = (1, 3, 2) if variant == "sleep" else (1, 2, 1)
    pools = [ActorPoolStrategy(size=k) for k in sizes]
    if not tuned:
        pools = [ActorPoolStrategy(min_size=1, max_size=SLOTS[variant] - 2)] * 3
    for ms, pool in zip(COSTS_MS, pools, strict=True):
        data = data.map_batches(
            RayDataStage, fn_constructor_args=(ms, variant), compute=pool, batch_size=10, num_cpus=1
        )
    spans = [(row["first"], row["last"]) for row in data.iter_rows()]
    assert len(spans) == n
    return {"wall_s": span(spans)}


class RayDataStage:
    def __init__(self, ms: float, variant: str) -> None:
        self._ms, self._variant = ms, variant

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        firsts, lasts = [], []
        for first in batch["first"]:
            firsts.append(first or time.time())
            spend(self._ms, self._variant)
            lasts.append(time.time())
        blobs = np.array([blob[::-1] for blob in batch["blob"]], dtype=object)
        return {"id": batch["id"], "blob": blobs, "first": np.array(firsts), "last": np.array(lasts)}


class TreeCpu:
    """CPU seconds of this process and all below it (Ray's too), also of those that ended meanwhile.

    Unlike the wall it does not depend on who else uses the machine."""

    def __enter__(self) -> "TreeCpu":
        self._seen: dict[int, float] = {}
        self._before = self._sample()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.seconds = self._sample() - self._before

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self._sample()

    def _sample(self) -> float:
        for stat in sorted(Path("/proc").glob("[0-9]*/stat"), key=lambda path: int(path.parent.name)):
            with contextlib.suppress(OSError):  # it ended meanwhile
                self._count(int(stat.parent.name), stat.read_text().rpartition(")")[2].split())
        return sum(self._seen.values())

    def _count(self, pid: int, fields: list[str]) -> None:
        """Parents have lower numbers, so they are seen first. A Ray worker's parent is Ray's, Ray's is us."""
        parent, user, system = (int(fields[i]) for i in (1, 11, 12))
        if pid == os.getpid() or parent in self._seen:
            self._seen[pid] = (user + system) / os.sysconf("SC_CLK_TCK")


def span(spans: Sequence[tuple[float, float]]) -> float:
    return max(last for _, last in spans) - min(first for first, _ in spans)


def ideal_s(n: int, variant: str) -> float:
    seconds = [ms / 1000 for ms in COSTS_MS]
    if variant == "cpu":
        return n * sum(seconds) / (os.cpu_count() or 1)
    slots = SLOTS[variant]
    splits = (s for s in itertools.product(range(1, slots), repeat=len(seconds)) if sum(s) == slots)
    return n * min(max(c / k for c, k in zip(seconds, split, strict=True)) for split in splits)


def chain_ratio(
    n: int = 600, variants: Sequence[str] = ("sleep", "cpu"), peers: bool = True
) -> dict[str, Any]:
    """Ideal over wall of the engine and of Ray Data, per variant."""
    report: dict[str, Any] = {"items": n}
    for variant in variants:
        ideal = ideal_s(n, variant)
        with start(Profile(name="bench", cpus=SLOTS[variant], gpus=0, object_store_mb=1024)) as resources:
            report[variant] = {"ideal_s": ideal}
            runs: dict[str, Callable[[], dict[str, float]]] = {
                "engine": partial(run_engine, n, variant, resources)
            }
            if peers:
                runs["ray_data"] = partial(run_ray_data, n, variant, tuned=False)
                runs["ray_data_tuned"] = partial(run_ray_data, n, variant, tuned=True)
            for name, run in runs.items():
                with TreeCpu() as cpu:
                    result = run()
                report[variant][name] = result | {"ratio": ideal / result["wall_s"], "cpu_s": cpu.seconds}
    return report


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    print(json.dumps(chain_ratio(count, sys.argv[2:] or ("sleep", "cpu")), indent=1))
