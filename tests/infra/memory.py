"""Feeds and sinks in memory, and stages that misbehave on request, for tests of the engine.

Ray pickles a test's functions by reference, but its workers can't import tests: stages are made by
closures registered to travel by value.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from infra.engine.jobs import Done, Failed, Job, Work
from infra.engine.loop import Engine
from infra.quietray import cloudpickle
from infra.resources import Needs, Resources

cloudpickle.register_pickle_by_value(sys.modules[__name__])

ONE = Needs(cpus=1, timeout_s=30)


class MemoryFeed:
    def __init__(self, works: Iterable[Work] = (), open: bool = False) -> None:
        self._works, self._open, self._lock = list(works), open, threading.Lock()

    def take(self, n: int) -> list[Work]:
        with self._lock:
            taken, self._works = self._works[:n], self._works[n:]
            return taken

    def waiting(self) -> int:
        return len(self._works)

    def closed(self) -> bool:
        return not self._open and not self._works

    def put(self, works: Iterable[Work]) -> None:
        with self._lock:
            self._works += works

    def close(self) -> None:
        self._open = False


class MemorySink:
    def __init__(self, following: MemoryFeed | None = None) -> None:
        self.outcomes: list[Done | Failed] = []
        self.sizes: list[int] = []
        self._following, self._inside = following, False

    def __call__(self, outcomes: list[Done | Failed]) -> None:
        assert not self._inside, "two commits of one job at once"
        self._inside = True
        self.outcomes += outcomes
        self.sizes.append(len(outcomes))
        if self._following:
            self._following.put(Work(o.id, o.result) for o in outcomes if isinstance(o, Done))
        self._inside = False

    @property
    def done(self) -> dict[str, Any]:
        return {o.id: o.result for o in self.outcomes if isinstance(o, Done)}

    @property
    def failed(self) -> dict[str, Failed]:
        return {o.id: o for o in self.outcomes if isinstance(o, Failed)}


def works(payloads: Iterable[Any]) -> list[Work]:
    return [Work(f"i{n:04d}", payload) for n, payload in enumerate(payloads)]


def each(do: Callable[[Any], Any]) -> Callable[[], Callable[[list[Work]], list[tuple[str, Any]]]]:
    """A stage that does the same to every payload."""

    def make() -> Callable[[list[Work]], list[tuple[str, Any]]]:
        return lambda batch: [(work.id, do(work.payload)) for work in batch]

    return make


def run(
    resources: Resources, payloads: Iterable[Any], do: Callable[[Any], Any], needs: Needs = ONE, **more: Any
) -> MemorySink:
    """One job over the payloads; its sink."""
    sink = MemorySink()
    job = Job("stage", needs, each(do), MemoryFeed(works(payloads)), sink)
    Engine([job], resources, **more).run()
    return sink


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)
