"""Gathers a job's outcomes and hands them to its sink, seldom enough to be cheap.

Small commits add up: each costs the same whether it holds one row or ten thousand, and the more of them
a table has, the slower it gets. So the interval grows with what a commit was measured to cost and with
the age of the run: a few a second at first, so that the next stage can start, two a minute in the end.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from infra.engine.jobs import Done, Failed, Job, SinkError
from infra.engine.worker import Packed
from infra.quietray import cloudpickle

COST = 40.0
"""Times a commit's duration that lie between two: commits take a fortieth of a job's time at most."""
HURRY_COST = 4.0
AGE = 100.0
"""A hundredth of the run's age may be lost in a crash, so a run makes some hundred commits, not thousands."""
FIRST_S, SHORTEST_S, LONGEST_S = 0.25, 1.0, 30.0
MOST_BYTES = 64 << 20
"""Held back no longer at this size; at twice this size the job's workers wait for the sink."""


class Committer:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"commit-{job.name}")
        self._running: Future[None] | None = None
        self._buffer: list[Packed | Failed] = []
        self._bytes = 0
        self._born = self._last = time.monotonic()
        self._cost_s = 0.0
        self._commits = 0
        self._broken = False

    @property
    def idle(self) -> bool:
        return not self._buffer and self._running is None

    @property
    def full(self) -> bool:
        """The sink can't keep up; more outcomes would only fill the memory."""
        return self._bytes >= 2 * MOST_BYTES

    def add(self, outcomes: Sequence[Packed | Failed]) -> None:
        self._buffer += outcomes
        self._bytes += sum(len(o.blob) for o in outcomes if isinstance(o, Packed))

    def poll(self, hurry: bool, last: bool) -> None:
        """Commit if it is time. `hurry`: somebody waits for these rows; `last`: no more will come."""
        self._look()
        if self._broken:
            return
        if self._buffer and self._running is None and (last or self._due(hurry)):
            batch, self._buffer, self._bytes = self._buffer, [], 0
            self._running = self._thread.submit(self._commit, batch)

    def drain(self) -> None:
        """Wait for the commit under way and hand over the rest."""
        if self._running is not None:
            self._running.exception()
        self.poll(hurry=True, last=True)
        if self._running is not None:
            self._running.exception()
        self._look()

    def finish(self) -> None:
        """Start the job's `on_done`; idle again when it has returned."""
        self._running = self._thread.submit(self._job.on_done)

    def close(self) -> None:
        self._thread.shutdown(wait=True)

    def _look(self) -> None:
        if self._running is not None and self._running.done():
            error = self._running.exception()
            self._running = None
            if error is not None:
                self._broken = True
                reason = f"{type(error).__name__}: {error}"
                raise SinkError(f"outcomes of {self._job.name} could not be stored: {reason}") from error

    def _due(self, hurry: bool) -> bool:
        now = time.monotonic()
        aged = (now - self._born) / AGE
        if hurry:
            interval = max(FIRST_S if self._commits else 0.0, HURRY_COST * self._cost_s, aged)
        else:
            interval = max(SHORTEST_S, COST * self._cost_s, aged)
        return now - self._last >= min(interval, LONGEST_S) or self._bytes >= MOST_BYTES

    def _commit(self, batch: list[Packed | Failed]) -> None:
        start = time.monotonic()
        self._job.sink([_opened(outcome) for outcome in batch])
        self._last = time.monotonic()
        took = self._last - start
        self._cost_s = took if not self._commits else 0.7 * self._cost_s + 0.3 * min(took, 2 * self._cost_s)
        self._commits += 1


def _opened(outcome: Packed | Failed) -> Done | Failed:
    if isinstance(outcome, Failed):
        return outcome
    return Done(outcome.id, cloudpickle.loads(outcome.blob), outcome.seconds)
