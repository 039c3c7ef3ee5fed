"""Runs all stages of a rebuild at once: feeds warm workers, commits what they answer, survives them.

    Engine([Job("captions", needs, make_worker, feed, sink), ...], resources).run()

One loop in the caller's thread does it all: split the workers over the jobs by measured speed, hand out
work, wait for Ray, pass outcomes on to each job's committer. It blocks on nothing else: sinks run in
threads of their own, workers guard themselves against hangs and bad rows (infra/engine/worker.py), and a dead
worker is the pool's affair (infra/engine/pool.py).
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from infra.engine.jobs import ClusterLost, Job, SetupError, SinkError, Stats
from infra.engine.placing import place
from infra.engine.pool import Limits
from infra.engine.running import Running
from infra.engine.worker_split import split
from infra.quietray import ray, ray_errors
from infra.resources import Needs, Resources
from infra.room import Room

TICK_S = 0.05
"""The longest the loop sleeps: feeds are looked at this often."""
RESPLIT_S = 1.0
LOOK_S = 5.0
"""So often a cluster is asked for machines that joined or left."""
ROOM_S = 900.0
"""So long a stage that fits on no machine any more waits for another one, as a training does."""
HOLD_S = 5.0
"""So long after the first answer the split waits for those of later stages."""


logger = logging.getLogger(__name__)


class Engine:
    def __init__(
        self,
        jobs: list[Job],
        resources: Resources,
        look: Callable[[], Resources] | None = None,
        *,
        deaths: int = 2,
        attempts: int = 2,
        setup_timeout_s: float = 1800.0,
        turn_s: float = 30.0,
    ) -> None:
        jobs = [replace(job, needs=_scaled(job, resources)) for job in jobs]
        check_room(jobs, resources)
        limits = Limits(deaths, attempts, setup_timeout_s)
        self._stages = [Running(job, limits) for job in jobs]
        self._resources, self._turn_s = resources, turn_s
        self._look, self._look_at, self._roomless_at = look, time.monotonic() + LOOK_S, float("inf")
        self._stop = threading.Event()
        self._resplit_at = self._snapshot_at = 0.0
        self._crew_was: list[int] = []
        self._began: float | None = None
        self._snapshot: dict[str, Stats] = {}

    def stop(self) -> None:
        """Begin nothing new, commit what is done, let `run` return."""
        self._stop.set()

    def stats(self) -> dict[str, Stats]:
        return dict(self._snapshot)

    def run(self) -> None:
        """Until all jobs are finished, or `stop`, or an error that no item is to blame for."""
        try:
            while not self._stop.is_set() and not all(stage.finished for stage in self._stages):
                self._step()
            self._collect(timeout=0)
        except ray_errors.RaySystemError as error:
            self._close()
            raise ClusterLost(f"Ray does not answer any more: {error}") from error
        except BaseException:
            self._close()  # its own errors are not raised here: the first one is what counts
            raise
        unstored = self._close()
        if unstored:
            raise unstored[0]

    def _step(self) -> None:
        now = time.monotonic()
        if self._look and now >= self._look_at:
            self._look_at = now + LOOK_S
            self._follow(self._look(), now)
        if now >= self._resplit_at:
            self._resplit(now)
        for stage in self._stages:
            if not stage.committer.full:
                stage.pool.submit()
        self._collect(TICK_S)
        for stage in self._stages:
            stage.take(stage.pool.watch(time.monotonic()))
            stage.pool.retire()
        if self._crew() != self._crew_was:
            self._resplit_at = 0.0
        self._commit()
        self._publish(now)

    def _follow(self, there: Resources, now: float) -> None:
        """Machines that joined or left: the next split goes by those that are there."""
        if there != self._resources:
            logger.info("%d machines with %g CPUs and %d GPUs", len(there.nodes), there.cpus, there.gpus)
            self._resources, self._resplit_at = there, 0.0
        try:
            check_room([stage.job for stage in self._stages if not stage.closing], there)
            self._roomless_at = float("inf")
        except SetupError:
            self._roomless_at = min(self._roomless_at, now)
            if now > self._roomless_at + ROOM_S:
                raise

    def _crew(self) -> list[int]:
        return [len(stage.pool.members) for stage in self._stages]

    def _resplit(self, now: float) -> None:
        self._resplit_at = now + RESPLIT_S
        loads = [stage.load(now, self._turn_s) for stage in self._stages]
        current = {stage.job.name: len(stage.pool.staying) for stage in self._stages}
        counts = split(loads, self._resources, current, self._unsure(loads, now))
        place([stage.pool for stage in self._stages], counts, self._resources)
        self._crew_was = self._crew()

    def _unsure(self, loads: list[Any], now: float) -> bool:
        """Some stage's first answer is still to come: a split made without it would soon be undone."""
        if self._began is None and any(stage.done or stage.failed for stage in self._stages):
            self._began = now
        unmeasured = any(s.speed is None and s.live and not s.finished for s in loads)
        return unmeasured and (self._began is None or now < self._began + HOLD_S)

    def _collect(self, timeout: float) -> None:
        heads = {m.head: (s, m) for s in self._stages for m in s.pool.members if m.head is not None}
        for ref, value in _ready(list(heads), timeout):
            stage, member = heads[ref]
            stage.take(stage.pool.answered(member, value))

    def _commit(self) -> None:
        """Jobs are in order, so only a later one can be waiting for what an earlier one commits."""
        hurry = False
        for stage in reversed(self._stages):
            if not stage.finished:
                stage.commit(hurry)
            hurry = hurry or stage.hungry

    def _publish(self, now: float) -> None:
        if now >= self._snapshot_at:
            self._snapshot_at = now + 0.2
            self._snapshot = {stage.job.name: stage.stats(now) for stage in self._stages}

    def _close(self) -> list[SinkError]:
        """Workers first: they may be many. What was answered is committed, whatever went wrong."""
        for stage in self._stages:
            stage.pool.close()
        errors = []
        for stage in self._stages:
            try:
                stage.committer.drain()
            except SinkError as error:
                errors.append(error)
            stage.committer.close()
        self._publish(float("inf"))
        return errors


def check_room(jobs: Sequence[Job], resources: Resources) -> None:
    """A worker of each job fits on some machine by itself."""
    for job in jobs:
        if not Room(resources).take(job.needs):
            raise SetupError(
                f"{job.name} needs {job.needs} for one worker, but no machine has that: there is only {resources}; "
                f"lower needs.{job.name} in a profile of your own, or take a larger machine"
            )


def _scaled(job: Job, resources: Resources) -> Needs:
    """A worker that wants more memory than any machine has runs all the same, beside none that wants any."""
    needs = resources.scaled(job.needs)
    if needs != job.needs:
        logger.warning(
            "%s wants %g GB of memory for a worker, and no machine has more than %.1f GB: it gets those, and no other "
            "stage that wants memory runs beside it there", job.name, job.needs.memory_gb, needs.memory_gb,
        )  # fmt: skip
    return needs


def _ready(refs: list[Any], timeout: float) -> list[tuple[Any, Any]]:
    """What has been answered, each with its value or its error; waits for one, takes all there are."""
    if not refs:
        time.sleep(timeout)
        return []
    ready, _ = ray.wait(refs, num_returns=1, timeout=timeout, fetch_local=False)
    if ready and len(refs) > 1:
        ready, _ = ray.wait(refs, num_returns=len(refs), timeout=0, fetch_local=False)
    try:
        return list(zip(ready, ray.get(ready), strict=True))
    except ray_errors.RayError:
        return [(ref, _value(ref)) for ref in ready]


def _value(ref: Any) -> Any:
    try:
        return ray.get(ref)
    except ray_errors.RayError as error:
        return error
