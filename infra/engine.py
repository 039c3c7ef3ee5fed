"""Runs all stages of a rebuild at once: feeds warm workers, commits what they answer, survives them.

    Engine([Job("captions", needs, make_worker, feed, sink), ...], resources).run()

One loop in the caller's thread does it all: split the workers over the jobs by measured speed, hand out
work, wait for Ray, pass outcomes on to each job's committer. It blocks on nothing else: sinks run in
threads of their own, workers guard themselves against hangs and bad rows (infra/worker.py), and a dead
worker is the pool's affair (infra/pool.py).
"""

import threading
import time
from typing import Any

from infra.commits import Committer
from infra.jobs import (
    ClusterLost,
    Done,
    EngineError,
    Failed,
    Feed,
    Job,
    SetupError,
    Sink,
    SinkError,
    Stats,
    Work,
)
from infra.pool import Limits, Pool
from infra.quietray import ray, ray_errors
from infra.resources import Resources, Room
from infra.split import StageLoad, split
from infra.worker import Packed

__all__ = [
    "ClusterLost", "Done", "Engine", "EngineError", "Failed", "Feed", "Job", "SetupError", "Sink",
    "SinkError", "Stats", "Work",
]  # fmt: skip

TICK_S = 0.05
"""The longest the loop sleeps: feeds are looked at this often."""
RESPLIT_S = 1.0
TURN_SETUPS = 5.0
"""A turn lasts at least this many times as long as loading the stage took."""


class Stage:
    """One job at work: its pool, its committer and its counts."""

    def __init__(self, job: Job, limits: Limits) -> None:
        self.job, self.pool, self.committer = job, Pool(job, limits), Committer(job)
        self.done = self.failed = 0
        self.closing = self.finished = False
        self.busy_at = self.manned_at = self.unmanned_at = time.monotonic()

    def take(self, outcomes: list[Packed | Failed]) -> None:
        failed = sum(isinstance(o, Failed) for o in outcomes)
        self.failed += failed
        self.done += len(outcomes) - failed
        self.committer.add(outcomes)

    @property
    def spent(self) -> bool:
        """Everything was handed out and answered. (Closed first: nothing may slip in between.)"""
        return (
            self.job.feed.closed()
            and not self.job.feed.waiting()
            and not self.pool.in_flight
            and not self.pool.held
        )

    @property
    def hungry(self) -> bool:
        return not self.finished and self.pool.hungry and not self.job.feed.waiting()

    def commit(self, hurry: bool) -> None:
        spent = self.spent
        self.committer.poll(hurry, last=spent)
        if spent and self.committer.idle:
            if not self.closing:
                self.closing = True
                self.committer.finish()
            else:
                self.finished = True

    def load(self, now: float, turn_s: float) -> StageLoad:
        waiting = self.job.feed.waiting() + self.pool.held
        in_flight = self.pool.in_flight
        if waiting or in_flight:
            self.busy_at = now
        if not self.pool.members:
            self.manned_at = now
        else:
            self.unmanned_at = now
        turn_s = max(turn_s, TURN_SETUPS * self.pool.setup_s)
        idle_s = max(1.0, self.pool.setup_s / 2)
        return StageLoad(
            name=self.job.name,
            speed=self.pool.meter.speed,
            source_units=self.job.source_units,
            needs=self.job.needs,
            waiting=waiting,
            live=not self.closing,
            finished=self.closing,
            in_flight=in_flight,
            turn_over=now - self.manned_at > turn_s or now - self.busy_at > idle_s,
            waited_s=now - self.unmanned_at,
        )

    def stats(self, now: float) -> Stats:
        heads = [(m.calls[0][1][0].id, now - m.clock) for m in self.pool.members if m.calls]
        return Stats(
            done=self.done,
            failed=self.failed,
            in_flight=self.pool.in_flight,
            workers=len(self.pool.members),
            queued=self.job.feed.waiting() + self.pool.held,
            items_per_s=self.pool.meter.rate,
            seconds_total=self.pool.meter.busy_total,
            finished=self.finished,
            oldest=max(heads, key=lambda head: head[1], default=None),
            speed=self.pool.meter.speed,
        )


class Engine:
    def __init__(
        self,
        jobs: list[Job],
        resources: Resources,
        *,
        deaths: int = 2,
        attempts: int = 2,
        setup_timeout_s: float = 1800.0,
        turn_s: float = 30.0,
    ) -> None:
        for job in jobs:
            if not Room(resources).take(job.needs):
                raise SetupError(
                    f"{job.name} needs {job.needs} for one worker, but there is only {resources}"
                )
        limits = Limits(deaths, attempts, setup_timeout_s)
        self._stages = [Stage(job, limits) for job in jobs]
        self._resources, self._turn_s = resources, turn_s
        self._stop = threading.Event()
        self._resplit_at = self._snapshot_at = 0.0
        self._crew_was: list[int] = []
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

    def _crew(self) -> list[int]:
        return [len(stage.pool.members) for stage in self._stages]

    def _resplit(self, now: float) -> None:
        self._resplit_at = now + RESPLIT_S
        loads = [stage.load(now, self._turn_s) for stage in self._stages]
        current = {stage.job.name: len(stage.pool.staying) for stage in self._stages}
        counts = split(loads, self._resources, current)
        for stage in self._stages:
            stage.pool.fit(counts[stage.job.name])
        room = Room(self._resources)
        for stage in self._stages:
            for _ in stage.pool.members:
                room.take(stage.job.needs)
        for stage in self._stages:
            stage.pool.grow(counts[stage.job.name], room)
        self._crew_was = self._crew()

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
