"""The stages of a running rebuild as task runs of Prefect: each lives as long as its stage, and says how far it is.

The engine does the work. A stage that was stopped ends as Cancelled, and one that had nothing to do says so.
"""

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.states import Cancelled, Completed, Failed, State

from flows.reports import Reports, key_of
from flows.run.driver import Rebuild
from flows.run.progress import StageProgress
from infra.engine.jobs import EngineError
from storage.ledger.node import Node

PROGRESS_EVERY_S = 2.0


def stage_task(node: Node) -> Any:
    """Watches one stage."""

    @task(name=node.name, task_run_name=node.name, cache_policy=NO_CACHE, persist_result=False)
    def watch(run: Rebuild, reports: Reports) -> State[Any]:
        try:
            while not run.wait(node.name, PROGRESS_EVERY_S):
                _show(reports, run, node.name)
        except EngineError as error:  # it stopped all of them: the flow logs its traceback, once
            return Failed(message=str(error), data=error)
        _show(reports, run, node.name)
        return _state(progress_of(run, node.name))

    return watch


def progress_of(run: Rebuild, stage: str) -> StageProgress:
    """How far one stage is."""
    return next(p for p in run.progress() if p.name == stage)


def _show(reports: Reports, run: Rebuild, name: str) -> None:
    """Nothing of a stage to which nothing has come."""
    p = progress_of(run, name)
    if not p.expected and not p.done:
        return
    share = 100.0 if p.finished else min(100.0 * p.done / max(p.expected, 1), 100.0)
    speed = "" if p.finished else f", {p.rate:.1f}/s on {p.workers} workers"
    told = f"{name}: {p.done} of {p.expected} items, {outcomes(p)}{speed}"
    reports.progress(key_of(run.catalog.root, "progress", name), share, told)


def _state(p: StageProgress) -> State[Any]:
    if not p.finished:
        return Cancelled(message=f"stopped at {p.done} of {p.expected} items; {outcomes(p)}")
    if not p.done:
        return Completed(name="Nothing to do", message="nothing new came to it")
    return Completed(message=f"{p.done} items: {outcomes(p)}")


def outcomes(p: StageProgress) -> str:
    """Of rows, of which an item can have many."""
    return f"{p.ok} ok, {p.rejected} rejected, {p.quarantined} quarantined"


def counts(run: Rebuild) -> str:
    """What this run computed, for the end of its log."""
    did = [f"{p.name} {p.done} ({outcomes(p)})" for p in run.progress() if p.done]
    return "computed: " + (
        "; ".join(did) or ("nothing" if run.stopped else "nothing, since every row was there")
    )
