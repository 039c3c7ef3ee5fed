"""Runs the jobs of a recipe in this process, one after the other: no cluster, so the first answer comes at once.

What raises is set aside as a rebuild sets it aside. What hangs or crashes takes this process along: a rebuild has
workers of their own for that.
"""

import time
import traceback
from collections.abc import Callable

from infra.engine.jobs import Done, EngineError, Failed, Job, SetupError, Work, Worker
from models.weights.errors import ModelError

Tell = Callable[[str, int, int], None]
"""Told, before each item, the stage's name, how many are done, and of how many."""
Wanted = Callable[[Work], bool]


def run_job(job: Job, tell: Tell, wanted: Wanted) -> int:
    """Answers all items of one stage that are wanted; how many those were."""
    works = [work for work in job.feed.take(job.feed.waiting()) if wanted(work)]
    if works:
        tell(job.name, 0, len(works))
        worker = _made(job)
        if job.whole:
            began = time.perf_counter()
            answers = worker(works)
            each = (time.perf_counter() - began) / len(works)
            job.sink([Done(item, result, each) for item, result in answers])
        else:
            _one_by_one(job, worker, works, tell)
    job.on_done()
    return len(works)


def _one_by_one(job: Job, worker: Worker, works: list[Work], tell: Tell) -> None:
    for number, work in enumerate(works):
        tell(job.name, number, len(works))
        job.sink([_outcome(worker, work)])


def _made(job: Job) -> Worker:
    try:
        return job.make_worker()
    except (EngineError, ModelError):
        raise
    except Exception as error:
        raise SetupError(f"stage {job.name} can't start here: {_line(error)}") from error


def _outcome(worker: Worker, work: Work) -> Done | Failed:
    began = time.perf_counter()
    try:
        ((item, result),) = worker([work])
    except Exception as error:  # noqa: BLE001 - whatever an item raises is its outcome
        return Failed(work.id, _line(error), "".join(traceback.format_exception(error, limit=-8)), 1)
    return Done(item, result, time.perf_counter() - began)


def _line(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1].strip()[:500]
