"""The process of one worker: runs a stage's batches and sees that one bad row costs only itself."""

import contextlib
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from infra.engine.blackbox import BlackBox
from infra.engine.jobs import Failed, Work
from infra.engine.jobs import Worker as Call
from infra.engine.memory import Trim
from infra.quietray import cloudpickle, ray
from infra.resources import Needs


@dataclass(frozen=True)
class Packed:
    """A result still pickled: its size is known, and the engine's loop need not open it."""

    id: str
    blob: bytes
    seconds: float


@dataclass(frozen=True)
class Answer:
    outcomes: list[Packed | Failed]
    seconds: float
    failed: Failed | None = None
    """Of a job that is one unit of work: why this try gave nothing at all."""


class Worker:
    def __init__(self, box_path: str, needs: Needs, attempts: int, whole: bool = False) -> None:
        self._box_path, self._needs, self._attempts, self._whole = box_path, needs, attempts, whole

    def setup(self, make_worker: Callable[[], Call]) -> None:
        self._box = BlackBox(self._box_path)
        self._call = make_worker()
        self._trim = Trim()

    def run(self, works: Sequence[Work]) -> Answer:
        start = time.perf_counter()
        if self._whole:
            outcomes, failed = self._all_or_nothing(works)
            return Answer(outcomes, time.perf_counter() - start, failed)
        outcomes = []
        for i in range(0, len(works), self._needs.batch):
            outcomes += self._batch(works[i : i + self._needs.batch])
            self._trim()
        return Answer(outcomes, time.perf_counter() - start)

    def _all_or_nothing(self, works: Sequence[Work]) -> tuple[list[Packed | Failed], Failed | None]:
        """One try; whether there is another one is the pool's to say, which also counts this worker's death."""
        try:
            outcomes = self._once(works)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever is raised, the whole has failed
            return [], Failed("", _line(error), _compact(error), 1)
        wrong = next((o for o in outcomes if isinstance(o, Failed)), None)
        return ([], wrong) if wrong else (outcomes, None)

    def _batch(self, batch: Sequence[Work]) -> list[Packed | Failed]:
        if len(batch) > 1:
            # Whatever the error, it is looked at again below, item by item.
            with contextlib.suppress(Exception, SystemExit):
                return self._once(batch)
        return [self._single(work) for work in batch]

    def _single(self, work: Work) -> Packed | Failed:
        for attempt in range(1, self._attempts + 1):
            try:
                return self._once([work])[0]
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever an item raises is its outcome
                failed = Failed(work.id, _line(error), _compact(error), attempt)
        return failed

    def _once(self, batch: Sequence[Work]) -> list[Packed | Failed]:
        ids = [work.id for work in batch]
        start = time.perf_counter()
        with self._box.at(ids, self._needs.timeout_s * (1 if self._whole else len(ids))):
            try:
                results = list(self._call(list(batch)))
            except RuntimeError as error:
                # After such an error every later call in this process fails too, whatever the item.
                if "CUDA error" in str(error):
                    self._box.die(error)
                raise
        each = (time.perf_counter() - start) / len(ids)
        return [_checked(id, i, results, each) for i, id in enumerate(ids)]


class Actor:
    """What Ray sees of it: Ray wraps every method of an actor's class, which costs time and hides stacks."""

    def __init__(self, box_path: str, needs: Needs, attempts: int, whole: bool) -> None:
        self._worker = Worker(box_path, needs, attempts, whole)

    def setup(self, make_worker: Callable[[], Call]) -> str:
        """Load the stage. Returns the node, where the black box can be found."""
        self._worker.setup(make_worker)
        return ray.get_runtime_context().get_node_id()

    def run(self, works: Sequence[Work]) -> Answer:
        return self._worker.run(works)


def _checked(id: str, i: int, results: list[tuple[str, Any]], seconds: float) -> Packed | Failed:
    """A result counts only if it carries its item's id, in its item's place."""
    got = results[i][0] if i < len(results) else None
    if got != id:
        reason = f"the stage answered with id {got!r} in the place of {id!r}"
        return Failed(id, reason, f"ids of the batch's results: {[r[0] for r in results]}", 1)
    return Packed(id, cloudpickle.dumps(results[i][1]), seconds)


def _line(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1].strip()[:500]


def _compact(error: BaseException) -> str:
    """The stage's own frames, the innermost ones; ours led there and say nothing."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames, limit=-8))[-4000:]
