"""How long plan and a no-op rebuild take over a catalog of a million finished items.

    python -m tests.perf plan

The toy stages' tables are filled directly, as if a rebuild had ended; then a fresh process lists the
sources from a parquet manifest, plans, publishes, and does the rebuild that finds nothing to do. Reported:
seconds beyond the imports, how they grow with the items, and the peak memory of that process.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.ledger.catalog import Catalog
from storage.ledger.node import SOURCES
from tests.perf.filled import fill
from tests.perf.line import Line, Say

MILLION = 1_000_000


def lines(say: Say) -> list[Line]:
    half, whole = (plan_seconds(items, say) for items in (MILLION // 2, MILLION))
    made = []
    for name in ("plan", "no-op rebuild"):
        made.append(Line(f"{name}, 1M items", whole[name], " s", at_most=10.0))
        note = f"{half[name]:.1f} s half"
        made.append(Line(f"{name}, 1M over 500k", whole[name] / half[name], "x", at_most=2.3, note=note))
    return [*made, Line("memory, 1M items", whole["peak GiB"], " GiB", at_most=4.0)]


def plan_seconds(items: int, say: Say) -> dict[str, float]:
    """Seconds of each step and peak GiB, measured in processes of their own: the best of two."""
    with tempfile.TemporaryDirectory() as folder:
        say(f"writing tables of {items:,} items")
        _make(Path(folder), items)
        say(f"planning and rebuilding {items:,} items")
        first, second = (_measure_apart(folder) for _ in range(2))
    return {name: min(first[name], second[name]) for name in first}


def _measure_apart(folder: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.perf.bench_plan", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _make(folder: Path, items: int) -> None:
    from flows.run.graph import nodes_of
    from storage.sources import list_sources
    from storage.store import Store
    from tests.toy.inline import toy_stages

    uris = [f"/videos/{i:08d}.mp4" for i in range(items)]
    sizes = pa.array(np.arange(items) + 1000)
    pq.write_table(
        pa.table(
            {"uri": uris, "size": sizes, "mtime_ns": sizes, "speaker": [f"s{i % 5000}" for i in range(items)]}
        ),
        folder / "manifest.parquet",
    )
    catalog, nodes = Catalog(str(folder / "catalog")), nodes_of(toy_stages())
    listing = list_sources(str(folder / "manifest.parquet"), Store(), "CC0", "signed")
    ids = pa.array([s.id for s in listing.sources])
    lines = pa.array([f"{i:020x}" for i in range(items)])
    source_values = {c: [getattr(s, c) for s in listing.sources] for c in catalog.table(SOURCES).columns}
    fill(catalog, SOURCES, ids, ids, source_values)
    texts = {"text": uris, "speaker": uris, "licence": ["CC0"] * items, "consent": ["signed"] * items}
    fill(catalog, nodes[0], lines, ids, texts)
    fill(catalog, nodes[1], lines, lines, {"length": np.full(items, 20.0), "echo": [None] * items})
    fill(catalog, nodes[2], lines, lines, {"split": ["train"] * items})
    catalog.record(nodes)


def _measure(folder: Path) -> dict[str, float]:
    from flows.run.graph import nodes_of
    from flows.run.planning import make_plan
    from storage.sources import list_sources
    from storage.store import Store
    from storage.versions.publish import publish
    from tests.toy.inline import LAPTOP, toy_stages

    stages, catalog = toy_stages(), Catalog(str(folder / "catalog"))
    nodes, manifest = nodes_of(stages), str(folder / "manifest.parquet")
    begin = time.perf_counter()
    plan = make_plan(catalog, stages, nodes, LAPTOP, list_sources(manifest, Store(), "CC0", "signed"))
    assert plan.nothing_to_do, [s for s in plan.stages if s.total]
    seconds = {"plan": time.perf_counter() - begin}
    publish(catalog, nodes, plan.chosen, {"recipe": {}})
    begin = time.perf_counter()
    listing = list_sources(manifest, Store(), "CC0", "signed")
    assert not catalog.add_sources(listing, "bench")
    again = make_plan(catalog, stages, nodes, LAPTOP, listing)
    assert not publish(catalog, nodes, again.chosen, {"recipe": {}}).new
    seconds["no-op rebuild"] = time.perf_counter() - begin
    seconds["peak GiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    return seconds


if __name__ == "__main__":  # the process that is measured
    print(json.dumps(_measure(Path(sys.argv[1]))))
