"""How long `redub whatif` takes over a million scored pairs.

    python -m tests.perf whatif

The tables are filled directly, as if a rebuild had ended: a million pairs of 5,000 speakers. The command runs in a
process of its own, with its imports, and once with the sheet.
"""

import subprocess
import sys
import tempfile
import time

import pyarrow as pa

from storage.ledger.catalog import Catalog
from storage.ledger.node import SOURCES
from tasks.pairverdict import PairVerdictConfig
from tests.flows.scored import columns_of, many_scores, nodes, record
from tests.perf.filled import fill
from tests.perf.line import Line, Say

MILLION = 1_000_000
SPEAKERS = 5000


def lines(say: Say) -> list[Line]:
    with tempfile.TemporaryDirectory() as folder:
        say(f"writing tables of {MILLION:,} scored pairs")
        catalog = filled(folder, MILLION)
        say("asking what other limits would make of them")
        seconds = min(_asked(catalog, "--identity", "0.8", "--lip-distance", "1.2") for _ in range(2))
        drawn = _asked(catalog, "--identity", "0.8", "--sheet", f"{folder}/sheet.png")
    return [
        Line("1M scored pairs", seconds, " s", at_most=5.0, note="imports and all"),
        Line("  with a sheet", drawn, " s"),
    ]


def filled(folder: str, count: int) -> Catalog:
    """A catalog with so many scored pairs."""
    catalog, known = Catalog(folder), nodes(PairVerdictConfig())
    ids = pa.array([f"{i:020x}" for i in range(count)])
    values = {
        "verdict": {},
        "speakers": {"speaker": [f"speaker{i % SPEAKERS}" for i in range(count)]},
        "captions": {"occluders": [[["hand"], ["cup", "hand"], [], []][i % 4] for i in range(count)]},
        "pairscores": columns_of(many_scores(count)),
    }
    for name, columns in values.items():
        fill(catalog, known[name], ids, ids, columns)
    sources = {c: [""] for c in catalog.table(SOURCES).columns} | {"size": [1], "mtime_ns": [1]}
    fill(catalog, SOURCES, pa.array(["s"]), pa.array(["s"]), sources)
    record(catalog, known)
    return catalog


def _asked(catalog: Catalog, *limits: str) -> float:
    began = time.perf_counter()
    command = [sys.executable, "-m", "flows", "whatif", "-c", catalog.root, *limits]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began
