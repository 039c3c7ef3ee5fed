"""A rebuild of the toy dataset in this process: real selection, feeds, workers, sinks and publish."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.run.graph import nodes_of
from flows.run.pipeline import build_jobs
from flows.run.planning import Plan, listed_ids, make_plan
from infra.engine.jobs import Done, Failed, Job, Work
from infra.profiles import load_profile
from storage.ledger.catalog import Catalog
from storage.ledger.forgotten import refuse_forgotten
from storage.ledger.node import Node
from storage.ledger.selection import Selection, select
from storage.sources import list_sources
from storage.store import Store
from storage.versions.publish import publish
from storage.versions.version import Version
from tasks.stage import Stage
from tests.toy.stages import Length, Lines, Long

LAPTOP = load_profile("laptop")


def toy_stages(scale: float = 1.0, at_least: float = 4.0) -> dict[str, Stage]:
    stages = (Lines(), Length(Length.Config(scale=scale)), Long(Long.Config(at_least=at_least)))
    return {s.name: s for s in stages}


def write_words(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


@dataclass
class Ran:
    catalog: Catalog
    nodes: list[Node]
    before: Plan
    computed: dict[str, int]
    chosen: dict[str, Selection]
    version: Version


def run_inline(folder: Path, root: Path, stages: dict[str, Stage], batch: int = 3) -> Ran:
    run = uuid.uuid4().hex[:8]
    catalog, nodes = Catalog(str(root)), nodes_of(stages)
    listing = list_sources(str(folder), Store(), "CC0", "signed")
    refuse_forgotten(catalog, listing)
    catalog.add_sources(listing, run)
    catalog.record(nodes)
    log = {
        "recipe": "toy",
        "profile": "laptop",
        "sources": str(folder),
        "flow_run": "",
        "git_commit": "",
        "message": "",
    }
    catalog.log_run(run=run, event="started", fingerprints=[n.fingerprint for n in nodes], **log)
    plan = make_plan(catalog, stages, nodes, LAPTOP, listing)
    computed = run_jobs(catalog, stages, nodes, plan.chosen, run, batch)
    chosen = select(catalog, nodes, listed_ids(listing))
    facts = {"recipe": {n.name: n.computation.config for n in nodes}, "git_commit": ""}
    version = publish(catalog, nodes, chosen, facts)
    return Ran(catalog, nodes, plan, computed, chosen, version)


def run_jobs(
    catalog: Catalog,
    stages: dict[str, Stage],
    nodes: list[Node],
    chosen: dict[str, Selection],
    run: str,
    batch: int = 3,
) -> dict[str, int]:
    """Items that each stage computed."""
    jobs, sinks = build_jobs(catalog, stages, nodes, chosen, LAPTOP, run, {}, {})
    for job in jobs:
        run_job(job, batch)
    return {name: sink.counts["items"] for name, sink in sinks.items()}


def run_job(job: Job, batch: int) -> None:
    worker = job.make_worker()
    while works := job.feed.take(job.feed.waiting() if job.whole else batch):
        if job.whole:
            job.sink([Done(item, result, seconds=0.25) for item, result in worker(works)])
        else:
            job.sink([outcome_of(worker, work) for work in works])
    assert job.feed.closed()
    job.on_done()


def outcome_of(worker: Any, work: Work) -> Done | Failed:
    try:
        ((item, result),) = worker([work])
    except ValueError as error:
        return Failed(work.id, str(error), "traceback", attempts=2)
    return Done(item, result, seconds=0.25)
