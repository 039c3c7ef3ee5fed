"""One rebuild: list, plan, run the engine, publish. No Prefect in here, so that it can be tested plainly.

with Rebuild(request) as run:      # takes the catalog's lock
    run.start()                    # the engine works in its own thread
    run.wait("quality")            # a stage's last commit is in
    version = run.publish()
"""

import threading
import time
import uuid
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Self

from flows.recipes import Stages
from flows.run.footage import Unsuited, check_not_the_world, refuse, unsuited
from flows.run.git import git_commit
from flows.run.graph import nodes_of, stages_of
from flows.run.inherited import inherited, not_commercial_of
from flows.run.pipeline import TableSink, build_jobs
from flows.run.planning import Plan, listed_ids, make_plan
from flows.run.progress import StageProgress
from flows.run.request import Request, check_profile
from flows.run.splits import check_splits
from flows.run.telling import told
from flows.trained_weights import pinned
from infra.cluster import look
from infra.engine.jobs import Stats
from infra.engine.loop import Engine
from infra.launch.signals import started as start_cluster
from models.weights.licences import licences, not_commercial
from storage.ledger.catalog import Catalog
from storage.ledger.forgotten import refuse_forgotten
from storage.ledger.selection import select
from storage.sources import Listing, check_rights, list_sources
from storage.store import Store
from storage.versions.anyway import Anyway
from storage.versions.gates import NO_GATES
from storage.versions.publish import declared_facts, publish
from storage.versions.version import Version


class Rebuild:
    def __init__(self, request: Request) -> None:
        check_profile(request.profile)
        self.catalog = Catalog(request.catalog, Store.told(request.profile.storage_options))
        recipe = pinned(self.catalog, request.recipe)
        self.request = request = replace(request, recipe=recipe, anyway=request.anyway.strip())
        self.run_id = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:4]}"
        self.stages = stages_of(request.recipe)
        self.nodes = nodes_of(self.stages)
        declared_facts(self.nodes, request.recipe.required)  # what no version could come of is not computed
        self.engine: Engine | None = None
        self.sinks: dict[str, TableSink] = {}
        self.plan: Plan | None = None
        self._listed: list[str] = []
        self.unsuited: Unsuited | None = None
        self.error: BaseException | None = None
        self.stopped = False
        self._version: Version | None = None
        self._open = ExitStack()
        self._finished = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        named = f", Prefect's {self.request.flow_run}" if self.request.flow_run else ""
        self._open.enter_context(self.catalog.lock(self.run_id + named))
        self.catalog = self.catalog.patient()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.end()
            self._log_end(error or self.error)
        finally:
            self._open.close()

    # -- before ----------------------------------------------------------------------------------------

    def prepare(self) -> Plan:
        """List the sources, write down what this run stands for, and see what is left to do."""
        listing = list_sources(
            self.request.sources, self.catalog.store, self.request.licence, self.request.consent
        )
        refuse_forgotten(self.catalog, listing)
        check_rights(listing)
        self._check_known(listing)
        new = self.catalog.add_sources(listing, self.run_id)
        self.catalog.record(self.nodes)
        self._log("started", f"anyway: {self.request.anyway}" if self.unsuited else "")
        plan = make_plan(self.catalog, self.stages, self.nodes, self.request.profile, listing)
        self.plan = replace(plan, new_sources=new)
        self._listed = listed_ids(listing)
        return self.plan

    def _check_known(self, listing: Listing) -> None:
        """The models know the footage, unless it is said why not, and somebody can tell who is who."""
        check_splits(self.request.recipe, listing)
        reason = self.request.anyway
        self.unsuited = unsuited(self.stages, listing, self.catalog.store, every=bool(reason))
        if self.unsuited and not reason:
            refuse(self.unsuited, self.request.recipe_name)
        if not reason:
            check_not_the_world(self.stages, listing, self.catalog.store)

    def start(self) -> None:
        """Run the engine in the background; nothing is started when nothing is to do."""
        plan = self.plan or self.prepare()
        if plan.nothing_to_do:
            self._finished.set()
            return
        resources = self._open.enter_context(start_cluster(self.request.profile))
        speeds = {s.name: 1 / s.measured.seconds for s in plan.stages if s.measured and s.measured.seconds}
        busiest = max(s.total for s in plan.stages) or 1
        units = {s.name: max(s.total, 1) / busiest for s in plan.stages}
        jobs, self.sinks = build_jobs(
            self.catalog,
            self.stages,
            self.nodes,
            plan.chosen,
            self.request.profile,
            self.run_id,
            speeds,
            units,
        )
        follows = partial(look, self.request.profile) if self.request.profile.ray_address else None
        self.engine = Engine(jobs, resources, follows)
        seconds = {s.name: s.measured.seconds for s in plan.stages if s.measured}
        self._open.enter_context(told(self.catalog, self.run_id, self.progress, seconds))
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        assert self.engine is not None
        try:
            self.engine.run()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits, with its traceback
            self.error = error
        finally:
            self._finished.set()

    # -- during ----------------------------------------------------------------------------------------

    def wait(self, stage: str, timeout: float | None = None) -> bool:
        """True once the stage's last row is committed; raises what stopped the run."""
        until = time.monotonic() + (timeout if timeout is not None else float("inf"))
        while time.monotonic() < until:
            if self._finished.wait(min(0.1, max(0.0, until - time.monotonic()))):
                if self.error:
                    raise self.error
                return True
            live = self.engine.stats().get(stage) if self.engine else None
            if live and live.finished:
                return True
        return False

    @property
    def _over(self) -> bool:
        """Every stage came to its end. What the engine last told of them may be a moment old."""
        return self._finished.is_set() and not self.stopped and self.error is None

    def stop(self) -> None:
        """Take nothing new, commit what is done. The same command goes on from there."""
        if self.engine is not None and not self._finished.is_set():
            self.stopped = True
            self.engine.stop()

    def end(self) -> None:
        """Stops, and waits until what is done is committed."""
        self.stop()
        if self._thread:
            self._thread.join()

    def progress(self) -> list[StageProgress]:
        if self.plan is None:
            return []
        stats = self.engine.stats() if self.engine else {}
        return [self._stage_progress(s, stats.get(s.name)) for s in self.plan.stages]

    def _stage_progress(self, planned: Any, live: Stats | None) -> StageProgress:
        counts = self.sinks[planned.name].counts if planned.name in self.sinks else {}
        done = counts.get("items", 0)
        known = live.done + live.failed + live.in_flight + live.queued if live else 0
        ended = bool(live and live.finished) or self._over
        return StageProgress(
            planned.name,
            done=done,
            expected=done if ended else max(known, planned.total),
            ok=counts.get("ok", 0),
            rejected=counts.get("rejected", 0),
            quarantined=counts.get("quarantined", 0),
            workers=live.workers if live else 0,
            rate=live.items_per_s if live else 0.0,
            finished=ended,
            oldest=live.oldest if live else None,
        )

    # -- after -----------------------------------------------------------------------------------------

    def publish(self) -> Version:
        """Tag what was accepted; the version that is there when nothing changed."""
        assert self.plan is not None
        if self.engine is not None:
            self._finished.wait()  # the last stage may be done a moment before the engine is
            if self.error:
                raise self.error
        # Without an engine nothing was written since the plan looked.
        chosen = select(self.catalog, self.nodes, self._listed) if self.engine else self.plan.chosen
        self._version = publish(
            self.catalog, self.nodes, chosen, self._facts(), self.request.recipe.required, self._anyway(),
            self.request.recipe.publish,
        )  # fmt: skip
        return self._version

    def _facts(self) -> dict[str, Any]:
        r = self.request
        models = licences(one for stage in self.stages.values() for one in stage.weights())
        trainings = inherited(self.catalog, models)
        return {
            "recipe_name": r.recipe_name,
            "recipe": r.recipe.model_dump(mode="json", exclude=_unsaid(r.recipe)),
            "sources": r.sources,
            "run": self.run_id,
            "flow_run": r.flow_run,
            "git_commit": git_commit(),
            **{name: told for stage in self.stages.values() for name, told in stage.told().items()},
            "models": models,
            "trainings": trainings,
            "non_commercial": [*not_commercial(models), *not_commercial_of(trainings)],
        }

    def _anyway(self) -> Anyway | None:
        """What the version says of rows that are made of footage which the models don't know."""
        found = self.unsuited
        return Anyway(self.request.anyway, found.models, found.ids) if found else None

    def _log_end(self, error: BaseException | None) -> None:
        if self.plan is None:
            return
        if error is not None:
            self._log("failed", f"{type(error).__name__}: {error}")
        elif self.stopped:
            self._log("stopped")
        else:
            self._log("finished", self._version.tag if self._version else "")

    def _log(self, event: str, message: str = "") -> None:
        r = self.request
        self.catalog.log_run(
            run=self.run_id,
            event=event,
            recipe=r.recipe_name,
            profile=r.profile.name,
            sources=r.sources,
            flow_run=r.flow_run,
            git_commit=git_commit(),
            fingerprints=[n.fingerprint for n in self.nodes],
            message=message,
        )


def _unsaid(recipe: Stages) -> set[str]:
    """Gates that ask for nothing are no news."""
    return {"publish"} if recipe.publish == NO_GATES else set()
