"""The workers of one job: starts them, keeps them fed, and notices when one dies or hangs.

A worker is a warm Ray actor with at most two calls outstanding, so that it never idles between them. A
call holds a batch, or several when items are so quick that Ray's own cost per call would show.

Ray's own restarts and retries are off, for they would run the same poison again: infra/engine/deaths.py says
what is to be done with the items of a dead worker, and the next split replaces it.
"""

import itertools
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.engine.deaths import Death, Suspects, last_words, node_is_gone, times
from infra.engine.jobs import Failed, Job, SetupError, WholeFailed, Work
from infra.engine.meter import Meter
from infra.engine.worker import Actor, Answer, Packed
from infra.quietray import ray, ray_errors
from infra.resources import GB, Needs
from infra.room import Room

CALL_S = 0.3
"""Calls of quick items are filled up to this many seconds: Ray takes some milliseconds for each."""
GRACE_S = 5.0
"""The worker ends itself when it hangs; only if it can't even do that does the driver kill it."""
UNEXPLAINED = 3
"""Deaths in a row, with no item to blame and no answer between, after which the stage itself is broken."""


@dataclass(frozen=True)
class Limits:
    deaths: int = 2
    attempts: int = 2
    setup_timeout_s: float = 1800.0


@dataclass(eq=False)
class Member:
    """One worker, as the driver sees it."""

    handle: Any
    box_path: str
    node: str | None
    """Known once it is set up."""
    setup: Any
    """Reference to the setup's answer, until it came."""
    clock: float
    """When it began what it does now: its setup, or the first of its calls."""
    calls: deque[tuple[Any, list[Work]]] = field(default_factory=deque)
    place: str = ""
    """The machine that it was meant for."""
    alone: bool = False
    leaving: bool = False
    warm: bool = False

    @property
    def head(self) -> Any:
        """What it will answer next."""
        return self.setup if self.setup is not None else self.calls[0][0] if self.calls else None


class Pool:
    def __init__(self, job: Job, limits: Limits) -> None:
        self.job, self.limits = job, limits
        self.members: list[Member] = []
        self.meter = Meter(job.speed_hint)
        self.setup_s = 0.0
        self._make: Any = None
        self._again: deque[Work] = deque()
        self._suspects = Suspects(limits.deaths)
        self._unexplained = self._failed_wholes = 0
        self._numbers = itertools.count()

    # how many

    @property
    def staying(self) -> list[Member]:
        return [m for m in self.members if not m.leaving]

    def fit(self, target: int) -> None:
        """Send away those above the target, the idle ones first, each when it has answered its calls."""
        for member in self.members:
            member.leaving = False
        ranked = sorted(self.members, key=lambda m: (m.setup is not None, not m.calls))
        for member in ranked[target:]:
            member.leaving = True
        self.retire()

    def retire(self) -> None:
        """End those that leave and have nothing outstanding: room for other stages."""
        for member in [m for m in self.members if m.leaving and not m.calls]:
            self._end(member)

    def grow(self, target: int, room: Room) -> None:
        while len(self.staying) < target and (place := room.place(self.job.needs)) is not None:
            self._start(place)

    def _start(self, place: str) -> None:
        if self._make is None:
            self._make = ray.put(self.job.make_worker)
        context = ray.get_runtime_context()
        name = f"{self.job.name}-{id(self):x}-{next(self._numbers)}.box"
        path = f"{context.get_temp_dir()}/{context.get_session_name()}/redub/{name}"
        needs = self.job.needs
        remote: Any = ray.remote(Actor)
        actor = remote.options(max_restarts=0, max_task_retries=0, **_reserved(needs, place))
        handle = actor.remote(path, needs, self.limits.attempts, self.job.whole)
        setup = handle.setup.remote(self._make)
        self.members.append(Member(handle, path, None, setup, time.monotonic(), place=place))

    def occupy(self, room: Room) -> None:
        for member in self.members:
            room.occupied(self.job.needs, member.node or member.place)

    def _end(self, member: Member) -> None:
        ray.kill(member.handle)
        self.members.remove(member)

    def close(self) -> None:
        for member in list(self.members):
            self._end(member)

    # work out

    @property
    def in_flight(self) -> int:
        return sum(len(works) for m in self.members for _, works in m.calls)

    @property
    def held(self) -> int:
        """Taken from the feed and waiting for a worker again."""
        return len(self._again) + len(self._suspects)

    @property
    def hungry(self) -> bool:
        """A worker has nothing to do, or none was worth starting yet."""
        return not self.held and (not self.members or any(not m.calls for m in self.members))

    def submit(self) -> None:
        """Idle workers first, then a second call for each, so that a short queue is spread evenly."""
        for depth in (0, 1):
            for member in self.members:
                if len(member.calls) == depth and self._ready(member):
                    works = self._pick(member, depth)
                    if not works:
                        break
                    if not member.calls:
                        member.clock = time.monotonic()
                    member.calls.append((member.handle.run.remote(works), works))

    def _ready(self, member: Member) -> bool:
        return member.setup is None and not member.leaving and not member.alone

    def _pick(self, member: Member, depth: int) -> list[Work]:
        if self.job.whole:
            return [] if self.in_flight else self._pick_whole()
        if self._suspects:  # no second calls now, so that workers run empty and take a suspect each
            member.alone = depth == 0
            return [self._suspects.next()] if depth == 0 else []
        ready = len(self._again) + self.job.feed.waiting()
        if not ready or (depth == 1 and ready < self.job.needs.batch):
            return []
        size = self._size(ready)
        works = [self._again.popleft() for _ in range(min(size, len(self._again)))]
        return works + (self.job.feed.take(size - len(works)) if size > len(works) else [])

    def _pick_whole(self) -> list[Work]:
        works = [*self._again, *self.job.feed.take(self.job.feed.waiting())]
        self._again.clear()
        return works

    def _size(self, ready: int) -> int:
        """Whole batches worth CALL_S, but never so many that another worker would go without."""
        batch = self.job.needs.batch
        quick = (self.meter.speed or 0.0) * CALL_S
        share = ready / (2 * max(len(self.members), 1))
        return batch * max(1, math.floor(min(quick, share) / batch))

    # answers in

    def answered(self, member: Member, value: Any) -> list[Packed | Failed]:
        """Take the value, or the error, that the member's head came to."""
        if member.setup is not None:
            self._set_up(member, value)
            return []
        if isinstance(value, ray_errors.RayError) and not isinstance(value, ray_errors.RayTaskError):
            return self.lost(member, str(value))
        if isinstance(value, Exception):  # ours: the worker turns whatever a stage raises into an outcome
            raise value
        assert isinstance(value, Answer)
        _, works = member.calls.popleft()
        self.meter.add(len(value.outcomes), value.seconds, member.warm)
        member.clock, member.alone, member.warm = time.monotonic(), False, True
        self._unexplained = 0
        if value.failed:
            self._again.extendleft(reversed(works))
            self._whole_failed(len(works), value.failed.reason, value.failed.detail)
        return list(value.outcomes)

    def _set_up(self, member: Member, value: Any) -> None:
        if isinstance(value, ray_errors.RayTaskError):
            reason = f"{type(value.cause).__name__}: {value.cause}"
            raise SetupError(f"a worker of {self.job.name} can't start: {reason}") from value
        if isinstance(value, Exception):
            self._setup_lost(member, str(value))
            return
        member.node = value
        self.setup_s = time.monotonic() - member.clock
        member.setup, member.clock = None, time.monotonic()

    def watch(self, now: float) -> list[Packed | Failed]:
        """Kill what doesn't answer although its own watchdog should have ended it."""
        outcomes: list[Packed | Failed] = []
        for member in list(self.members):
            waited = now - member.clock
            if member.setup is not None:
                if waited > self.limits.setup_timeout_s:
                    self._setup_lost(member, f"not ready after {waited:.0f} s: no room, or loading hangs")
            elif member.calls and waited > self._patience(member.calls[0][1]):
                outcomes += self.lost(member, f"no answer after {waited:.0f} s", hung=True)
        return outcomes

    def _patience(self, works: Sequence[Work]) -> float:
        needs = self.job.needs
        deadlines = 1 if self.job.whole else min(len(works), 3 * needs.batch)
        return needs.timeout_s * deadlines + GRACE_S

    # deaths

    def lost(self, member: Member, error: str, hung: bool = False) -> list[Packed | Failed]:
        """A worker is gone. What it was at is suspect; what else it had goes back into the queue."""
        gone = node_is_gone(member.node or member.place)
        words = None if gone else last_words(member.box_path, member.node)
        self._end(member)
        works = [work for _, works in member.calls for work in works]
        if gone and not self._suspects.went_with_nodes(works):
            self._again.extendleft(reversed(works))
            return []
        death = Death(words, error, hung, self.job.needs.timeout_s)
        if self.job.whole:
            self._again.extendleft(reversed(works))
            if words is None or words.ids:
                self._whole_failed(len(works), death.how, death.detail)
            else:
                self._blame_stage(f"died between two items\n{death.detail}")
            return []
        accused = self._suspects.accused(works, words)
        suspect = {work.id for work in accused}
        self._again.extendleft(work for work in reversed(works) if work.id not in suspect)
        if not accused:
            self._blame_stage(f"died between two items\n{death.detail}")
        return list(self._suspects.accuse(accused, death))

    def _whole_failed(self, items: int, reason: str, detail: str) -> None:
        """Part of it must not be done without the rest, so nobody is set aside: the run stops in the end."""
        self._failed_wholes += 1
        if self._failed_wholes >= self.limits.attempts:
            raise WholeFailed(
                f"{self.job.name} answers all of its {items} items at once, and that failed "
                f"{times(self._failed_wholes)}: {reason}. None of them has an answer, so nothing is published; "
                f"what other stages did is stored, and the same command tries again.\n{detail}".rstrip()
            )

    def _setup_lost(self, member: Member, error: str) -> None:
        if node_is_gone(member.place):
            self._end(member)
            return
        death = Death(last_words(member.box_path, member.node), error, False, self.limits.setup_timeout_s)
        self._end(member)
        self._blame_stage(f"died while it was set up\n{death.detail}")

    def _blame_stage(self, how: str) -> None:
        self._unexplained += 1
        if self._unexplained >= UNEXPLAINED:
            raise SetupError(f"{self._unexplained} workers of {self.job.name} in a row: each {how}")


def _reserved(needs: Needs, place: str) -> dict[str, Any]:
    """What Ray keeps for a worker, where the engine found room for it; elsewhere if that machine has gone meanwhile."""
    kept: dict[str, Any] = {
        "num_cpus": needs.cpus,
        "num_gpus": needs.gpus,
        "memory": int(needs.memory_gb * GB),
    }
    if place:
        there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(place, soft=True)
        kept["scheduling_strategy"] = there
    return kept
