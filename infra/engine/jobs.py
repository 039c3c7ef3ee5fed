"""The words that the engine and its callers share: work in, outcomes out, and what can go wrong.

A caller glues a stage to the engine with a `Job`: where work comes from (`Feed`), what does it
(`make_worker`), and where outcomes go (`Sink`). Nothing here knows Ray, tables or stages.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from infra.resources import Needs


@dataclass(frozen=True)
class Work:
    """One item to do."""

    id: str
    payload: Any
    """Small and picklable (row ids): the worker loads the rest itself."""


@dataclass(frozen=True)
class Done:
    id: str
    result: Any
    """Whatever the stage returned; the engine does not look inside."""
    seconds: float


@dataclass(frozen=True)
class Failed:
    """For the quarantine: the item raised every time, or the worker died or hung on it."""

    id: str
    reason: str
    """One line for a person."""
    detail: str
    """The traceback, or what is known of the worker's death."""
    attempts: int


class Feed(Protocol):
    """Polled often from the engine's loop: every answer must be cheap."""

    def take(self, n: int) -> list[Work]:
        """What is ready now, at most n."""

    def waiting(self) -> int:
        """How many are ready and not taken."""

    def closed(self) -> bool:
        """Whether nothing will come any more."""


class Sink(Protocol):
    """Called from a thread of its job, never twice at once. What it raises stops the engine."""

    def __call__(self, outcomes: list[Done | Failed]) -> None: ...


Worker = Callable[[list[Work]], list[tuple[str, Any]]]
"""Takes a batch; returns (id, result) for each of it, in order."""


def nothing() -> None:
    pass


@dataclass
class Job:
    """One stage of a run. The engine takes jobs in order: a job feeds on those before it."""

    name: str
    needs: Needs
    make_worker: Callable[[], Worker]
    """Picklable; called once in every worker process, where it loads the weights."""
    feed: Feed
    sink: Sink
    speed_hint: float | None = None
    """Items a second of one worker, as measured earlier."""
    source_units: float = 1.0
    """Items of this job per source: makes speeds of jobs comparable."""
    whole: bool = False
    """All items are one unit of work: one batch and one deadline, whatever `needs.batch` says; when it fails,
    all of it is tried again, never a part, and after the last try the run stops (`WholeFailed`)."""
    on_done: Callable[[], None] = nothing
    """Called once, after the job's last commit, from its sink's thread."""


@dataclass(frozen=True)
class Stats:
    done: int
    failed: int
    in_flight: int
    workers: int
    queued: int
    items_per_s: float
    """Over the last half minute, all workers together."""
    seconds_total: float
    """Seconds that workers were busy, summed."""
    finished: bool
    oldest: tuple[str, float] | None
    """The item that is longest in flight, and for how many seconds."""
    speed: float | None = None
    """Items a second of one busy worker: the next run's `speed_hint`."""


class EngineError(Exception):
    """A run that can't go on. What was done before is committed."""


class SetupError(EngineError):
    """A stage's workers can't start: weights missing, no room, a crash while loading."""


class WholeFailed(EngineError):
    """A stage that answers all its items at once failed every time, so none of its items has an answer."""


class SinkError(EngineError):
    """Outcomes could not be stored: disk full, table gone."""


class ClusterLost(EngineError):
    """Ray itself does not answer any more."""
