"""How long plan and a no-op rebuild take over a catalog of a million finished items.

    python -m tests.perf.bench_plan [items ...]

The toy stages' tables are filled directly, as if a rebuild had ended; then a fresh process lists the
sources from a parquet manifest, plans, and does the rebuild that finds nothing to do. Reported: seconds
beyond the imports, and the peak memory of that process.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.catalog import SOURCES, Catalog, Node
from storage.table import create_dataset

MILLION = 1_000_000


def plan_seconds(items: int) -> dict[str, float]:
    """Seconds of each step and peak MiB, measured in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        _make(Path(folder), items)
        done = subprocess.run(
            [sys.executable, "-m", "tests.perf.bench_plan", "--measure", folder],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return json.loads(done.stdout)


def _make(folder: Path, items: int) -> None:
    from flows.recipes import nodes_of
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
    listing = list_sources(str(folder / "manifest.parquet"), Store())
    ids = pa.array([s.id for s in listing.sources])
    lines = pa.array([f"{i:020x}" for i in range(items)])
    source_values = {c: [getattr(s, c) for s in listing.sources] for c in catalog.table(SOURCES).columns}
    _fill(catalog, SOURCES, ids, ids, source_values)
    texts = {"text": uris, "speaker": uris, "licence": ["CC0"] * items, "consent": ["signed"] * items}
    _fill(catalog, nodes[0], lines, ids, texts)
    _fill(catalog, nodes[1], lines, lines, {"length": np.full(items, 20.0), "echo": [None] * items})
    _fill(catalog, nodes[2], lines, lines, {"split": ["train"] * items})
    catalog.record(nodes)


def _fill(catalog: Catalog, node: Node, ids: pa.Array, parents: pa.Array, values: dict[str, Any]) -> None:
    """What the writer would have left, without paying for a million inserts."""
    n, table = len(ids), catalog.table(node)
    suffix = f"@{node.fingerprint}.0"
    columns: dict[str, Any] = {
        "key": pa.array([i + suffix for i in ids.to_pylist()]),
        "item_id": ids, "parent_id": parents, "fingerprint": pa.array([node.fingerprint] * n),
        "status": pa.array(["ok"] * n), "revision": np.zeros(n, np.int64), "attempts": np.ones(n, np.int64),
        "seconds": np.full(n, 0.1), "bytes": np.full(n, 1000), "run": pa.array(["bench"] * n),
        "written_at": pa.array([datetime.now(UTC)] * n, pa.timestamp("us", "UTC")), **values,
    }  # fmt: skip
    arrays = [_array(columns.get(f.name), f, n, f.name in table.blobs) for f in table.schema]
    dataset = create_dataset(table.uri, table.schema)
    lance.write_dataset(
        pa.table(arrays, schema=table.schema), dataset, mode="append", max_rows_per_file=1 << 18
    )


def _array(values: Any, field: pa.Field, n: int, is_blob: bool) -> pa.Array:
    if is_blob:
        return lance.blob_array([None] * n)
    return pa.nulls(n, field.type) if values is None else pa.array(values, field.type)


def _measure(folder: Path) -> dict[str, float]:
    from flows.planning import make_plan
    from flows.recipes import nodes_of
    from storage.publish import publish
    from storage.sources import list_sources
    from storage.store import Store
    from tests.toy.inline import LAPTOP, toy_stages

    seconds: dict[str, float] = {}

    def lap(name: str, since: float) -> float:
        seconds[name] = time.perf_counter() - since
        return time.perf_counter()

    stages, catalog = toy_stages(), Catalog(str(folder / "catalog"))
    nodes = nodes_of(stages)
    t = begin = time.perf_counter()
    listing = list_sources(str(folder / "manifest.parquet"), Store())
    t = lap("list", t)
    plan = make_plan(catalog, stages, nodes, LAPTOP, listing)
    assert plan.nothing_to_do, [s for s in plan.stages if s.total]
    t = lap("plan", t)
    seconds["listed and planned"] = t - begin
    new = catalog.add_sources(listing, "bench")
    assert new == 0
    again = make_plan(catalog, stages, nodes, LAPTOP, listing)
    assert again.nothing_to_do
    publish(catalog, nodes, again.chosen, {"recipe": {}})
    t = lap("first publish", t)
    t0 = t
    listing = list_sources(str(folder / "manifest.parquet"), Store())
    catalog.add_sources(listing, "bench")
    last = make_plan(catalog, stages, nodes, LAPTOP, listing)
    assert not publish(catalog, nodes, last.chosen, {"recipe": {}}).new
    lap("no-op rebuild", t0)
    seconds["peak MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return seconds


def main(sizes: list[int]) -> None:
    for items in sizes:
        measured = plan_seconds(items)
        print(f"{items:>9,} items: " + ", ".join(f"{k} {v:,.1f}" for k, v in measured.items()), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(_measure(Path(sys.argv[2]))))
    else:
        main([int(a) for a in sys.argv[1:]] or [MILLION // 4, MILLION // 2, MILLION])
