"""Writes down every few seconds how far a rebuild is, for `redub status` in another process."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flows.run.progress import StageProgress, share_done, time_left
from storage.ledger.catalog import Catalog
from storage.ledger.standing import clear_standing, write_standing

EVERY_S = 5.0


@contextmanager
def told(
    catalog: Catalog, run: str, progress: Callable[[], Sequence[StageProgress]], seconds: Mapping[str, float]
) -> Iterator[None]:
    """`seconds`: of an item of each stage, where it was measured. What can't be written is logged, and ends nothing."""
    ended, began = threading.Event(), time.monotonic()

    def tell() -> None:
        while True:
            stages = progress()
            if not all(one.finished for one in stages):  # as it looks before the engine knows of any
                now = standing(run, stages, seconds, time.monotonic() - began)
                _safely(partial(write_standing, catalog, now))
            if ended.wait(EVERY_S):
                return

    thread = threading.Thread(target=tell, name="telling", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        _safely(partial(clear_standing, catalog))


def _safely(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        logging.getLogger(__name__).warning("how far the rebuild is can't be written down", exc_info=True)


def standing(
    run: str, stages: Sequence[StageProgress], seconds: Mapping[str, float], elapsed: float
) -> dict[str, Any]:
    share = share_done(stages, seconds)
    return {
        "run": run,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "elapsed_s": round(elapsed, 1),
        "share": round(share, 4),
        "eta_s": time_left(stages, share, elapsed),
        "stages": [_stage(one) for one in stages],
    }


def _stage(one: StageProgress) -> dict[str, Any]:
    return {
        "stage": one.name, "done": one.done, "expected": one.expected, "workers": one.workers,
        "rate": round(one.rate, 3), "eta_s": one.eta_s, "finished": one.finished,
    }  # fmt: skip
