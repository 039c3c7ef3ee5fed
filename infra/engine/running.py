"""One job of a running engine: its workers, its commits, its counts, and when it is finished."""

import time

from infra.engine.commits import Committer
from infra.engine.jobs import Failed, Job, Stats
from infra.engine.pool import Limits, Pool
from infra.engine.worker import Packed
from infra.engine.worker_split import StageLoad

TURN_SETUPS = 5.0
"""A turn lasts at least this many times as long as loading the stage took."""


class Running:
    def __init__(self, job: Job, limits: Limits) -> None:
        self.job, self.pool, self.committer = job, Pool(job, limits), Committer(job)
        self.done = self.failed = 0
        self.closing = self.finished = False
        self.busy_at = self.without_workers_at = self.with_workers_at = time.monotonic()

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
            self.without_workers_at = now
        else:
            self.with_workers_at = now
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
            turn_over=now - self.without_workers_at > turn_s or now - self.busy_at > idle_s,
            waited_s=now - self.with_workers_at,
            setup_s=self.pool.setup_s,
            whole=self.job.whole,
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
