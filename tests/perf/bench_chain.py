"""A chain of three stages of uneven cost through real tables, next to Ray Data with the same stages.

    python -m tests.perf chain

Every item becomes 200 KB that go through stages of 30, 90 and 45 ms. redub runs them as a rebuild does:
feeds and sinks of flows/run/pipeline.py, the engine, one Lance table a stage. Ray Data maps the same stage
objects over the same CPUs, in the same batches, and ends as its own `write_lance` does (which Lance 14
no longer understands): tasks write fragments, the driver commits them. Two variants:

- `sleep`: stages wait, as they do for a GPU or a disk, on six slots. Ideal is the pace of the best whole
  split (1, 3, 2): items x 90 ms / 3. To reach it the workers must be split well.
- `cpu`: stages compute, on this machine's cores, with two slots a core. Ideal is all work over all cores;
  the engine, Ray, the tables and the pickling compete for the same cores, so what they cost shows.

The wall is from the start of the first item to the last commit of the last table (its manifest's time),
and `ratio` is ideal over wall: 1.0 is perfect. What differs is in Ray Data's favour: it stores the end
only, with one commit, as a plain column and without a key; redub commits all three stages, looks keys up,
and can be killed at any time. Ray Data runs with pools that scale by themselves, as the engine's do, and
once with the best split told to it (`tuned`); beside that, redub with the speeds that an earlier rebuild
left in its tables (`known`).
"""

import contextlib
import itertools
import logging
import os
import pickle
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import lance
import lance.fragment
import numpy as np
import pyarrow as pa

from flows.run.graph import nodes_of
from flows.run.pipeline import build_jobs
from infra.cluster import start
from infra.engine.loop import Engine
from infra.profiles import Profile
from infra.resources import Needs, Resources
from storage.ledger.catalog import Catalog
from storage.ledger.rows import Blob
from storage.ledger.selection import select
from storage.sources import Listing, make_source
from storage.store import Store
from tasks.stage import Annotate, Stage, StageConfig
from tests.perf.line import Line, Say

BLOB = 200_000
BATCH = 10
SLOTS = {"sleep": 6, "cpu": 2 * (os.cpu_count() or 1)}
BEST_SPLIT = {"sleep": (1, 3, 2), "cpu": (1, 2, 1)}
ITEMS = {"sleep": 2400, "cpu": 240}
PEER_TABLE = pa.schema([("id", pa.string()), ("blob", pa.binary()), ("first", pa.float64())])


@dataclass(frozen=True)
class Carried:
    id: str
    blob: Blob
    first: float
    """When the item's first stage began."""


class Costly(Annotate):
    cost_ms: ClassVar[float]
    needs = Needs(cpus=1, batch=BATCH)
    Input = Output = Carried

    class Config(StageConfig):
        variant: str = "sleep"

    def __call__(self, rows: Sequence[Any]) -> list[Carried]:
        return [self._one(row) for row in rows]

    def _one(self, row: Any) -> Carried:
        spend(self.cost_ms, self.config.variant)
        return Carried(row.id, row.blob[::-1], row.first)


class Begin(Costly):
    name, cost_ms = "begin", 30.0

    @dataclass(frozen=True)
    class Input:
        id: str
        uri: str

    def setup(self, store: Store) -> None:
        super().setup(store)
        self.blob = np.random.default_rng(0).bytes(BLOB)

    def _one(self, row: Any) -> Carried:
        return super()._one(Carried(row.id, self.blob, time.time()))


class Middle(Costly):
    name, cost_ms, reads = "middle", 90.0, (Begin,)


class End(Costly):
    name, cost_ms, reads = "end", 45.0, (Middle,)


CHAIN: tuple[type[Costly], ...] = (Begin, Middle, End)


def spend(ms: float, variant: str) -> None:
    """A fixed time asleep, or a fixed piece of computing (by this process's CPU clock)."""
    if variant == "sleep":
        time.sleep(ms / 1000)
        return
    end = time.process_time() + ms / 1000
    while time.process_time() < end:
        sum(range(500))


def lines(say: Say) -> list[Line]:
    return [line for variant, n in ITEMS.items() for line in _lines(variant, chain_runs(variant, n, say))]


def _lines(variant: str, runs: dict[str, dict[str, float]]) -> list[Line]:
    """The ideal is a target only where the split, and not this machine's cores, sets the pace."""
    made = []
    for name, run in runs.items():
        note = f"{run['wall_s']:.0f} s, CPU {run['cpu_s']:.0f} s"
        at_least = 0.9 if variant == "sleep" and name == "redub" else None
        made.append(Line(f"{variant}: {name}, of ideal", run["ratio"], at_least=at_least, note=note))
    for ours, theirs, at_least in (("redub", "Ray Data", 1.0), ("redub known", "Ray tuned", None)):
        ratio = runs[ours]["ratio"] / runs[theirs]["ratio"]
        made.append(Line(f"{variant}: {ours} / {theirs}", ratio, "x", at_least=at_least))
    return made


def run_redub(n: int, variant: str, resources: Resources, folder: Path, known: bool = False) -> float:
    """Wall seconds of a rebuild. `known`: with the speeds that an earlier one would have measured."""
    stages: dict[str, Stage] = {c.name: c(c.Config(variant=variant)) for c in CHAIN}
    catalog, nodes = Catalog(str(folder / "catalog")), nodes_of(stages)
    listing = Listing([make_source(f"/videos/{i:06d}.mp4", i, i, "CC0", "", "") for i in range(n)])
    catalog.add_sources(listing, "bench")
    chosen = select(catalog, nodes, [s.id for s in listing.sources])
    speeds = {stage.name: 1000 / stage.cost_ms for stage in CHAIN} if known else {}
    jobs, _ = build_jobs(catalog, stages, nodes, chosen, Profile(name="bench"), "bench", speeds, {})
    Engine(jobs, resources).run()
    return wall(catalog.uri(End.name), n)


def run_ray_data(n: int, variant: str, folder: Path, tuned: bool) -> float:
    import ray.data
    from ray.data import ActorPoolStrategy, DataContext

    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    DataContext.get_current().enable_progress_bars = False
    names = [{"id": f"{i:06d}", "uri": f"/videos/{i:06d}.mp4"} for i in range(n)]
    data: Any = ray.data.from_items(names, override_num_blocks=n // BATCH)
    for stage, workers in zip(CHAIN, BEST_SPLIT[variant], strict=True):
        pool = (
            ActorPoolStrategy(size=workers)
            if tuned
            else ActorPoolStrategy(min_size=1, max_size=SLOTS[variant] - 2)
        )
        how = {"compute": pool, "batch_size": BATCH, "batch_format": "pyarrow", "num_cpus": 1}
        data = data.map_batches(RayDataStage, fn_constructor_args=(stage, variant), **how)
    uri = str(folder / "ray_data.lance")
    data = data.map_batches(
        write_fragment, fn_args=(uri,), batch_size=10 * BATCH, batch_format="pyarrow", num_cpus=0.25
    )
    fragments = [pickle.loads(row["fragment"]) for row in data.iter_rows()]
    lance.LanceDataset.commit(uri, lance.LanceOperation.Overwrite(PEER_TABLE, fragments))
    return wall(uri, n)


def write_fragment(batch: pa.Table, uri: str) -> pa.Table:
    written = lance.fragment.write_fragments(batch, uri, data_storage_version="2.2")
    return pa.table({"fragment": [pickle.dumps(f) for f in written]})


class RayDataStage:
    def __init__(self, stage: type[Costly], variant: str) -> None:
        self._stage = stage(stage.Config(variant=variant))
        self._stage.setup(Store())

    def __call__(self, batch: pa.Table) -> pa.Table:
        results = self._stage([self._stage.Input(**row) for row in batch.to_pylist()])
        return pa.Table.from_pylist([vars(r) for r in results], schema=PEER_TABLE)


def wall(uri: str, n: int) -> float:
    """From the start of the first item to the last commit."""
    dataset = lance.dataset(uri)
    first = dataset.to_table(columns=["first"])["first"].to_numpy()
    assert len(first) == n, f"{len(first)} rows of {n}"
    return float(dataset.versions()[-1]["timestamp"].timestamp() - first.min())


def ideal_s(n: int, variant: str) -> float:
    seconds = [stage.cost_ms / 1000 for stage in CHAIN]
    if variant == "cpu":
        return n * sum(seconds) / (os.cpu_count() or 1)
    slots = SLOTS[variant]
    splits = (s for s in itertools.product(range(1, slots), repeat=len(seconds)) if sum(s) == slots)
    return n * min(max(c / k for c, k in zip(seconds, split, strict=True)) for split in splits)


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


def chain_runs(variant: str, n: int, say: Say) -> dict[str, dict[str, float]]:
    """Per run: wall, ideal over wall, and CPU seconds of all processes, one after the other on one Ray."""
    report = {}
    with start(Profile(name="bench", cpus=SLOTS[variant], gpus=0, object_store_mb=1024)) as resources:
        runs: dict[str, Callable[[Path], float]] = {
            "redub": lambda folder: run_redub(n, variant, resources, folder),
            "redub known": lambda folder: run_redub(n, variant, resources, folder, known=True),
            "Ray Data": lambda folder: run_ray_data(n, variant, folder, tuned=False),
            "Ray tuned": lambda folder: run_ray_data(n, variant, folder, tuned=True),
        }
        for name, run in runs.items():
            say(f"{n:,} items through {name}, {variant}")
            with tempfile.TemporaryDirectory() as folder, TreeCpu() as cpu:
                took = run(Path(folder))
            report[name] = {"wall_s": took, "ratio": ideal_s(n, variant) / took, "cpu_s": cpu.seconds}
    return report
