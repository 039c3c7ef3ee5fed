"""Adds rows about a training: that it started and how it ended, its checkpoints, its metrics, what it skipped.

with training_lock(catalog, "gen-a"):                      # names.py
    attempt = start_training(catalog, Setup(...))
    write_metrics(catalog, attempt, 100, {"loss": 0.4})
    write_checkpoint(catalog, attempt, Written(...))       # its files are in place
    finish_training(catalog, attempt, FINISHED)

Writing the same again adds nothing, so whoever was killed in between may.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.trainings.names import BEST, SAMPLES, TENSORBOARD, check_name, checkpoint_place, run_uri
from storage.trainings.reading import best_of, checkpoints_of, training, users_of
from storage.trainings.records import (
    CHECKPOINTS,
    DROPPED,
    FAILED,
    FINISHED,
    METRICS,
    SKIPPED,
    STARTED,
    STOPPED,
    TRAININGS,
    WRITTEN,
    Attempt,
    CheckpointRow,
    MetricRow,
    Setup,
    SkippedRow,
    TrainingRow,
    Written,
)


def start_training(catalog: Catalog, setup: Setup, resumes: bool = False) -> Attempt:
    """Call it with the training's lock held. A name that is taken is refused, unless that training is resumed."""
    known = catalog.read(TRAININGS, f"run = '{check_name(setup.run)}'")
    _check_start(setup.run, [row["event"] for row in known], resumes)
    attempt = Attempt(setup.run, 1 + max((row["attempt"] for row in known), default=0))
    fields = asdict(setup) | {"recipe": json.dumps(setup.recipe), "parents": list(setup.parents)}
    _log(catalog, attempt, STARTED, fields, "")
    return attempt


def _check_start(run: str, events: Sequence[str], resumes: bool) -> None:
    if DROPPED in events:
        raise StorageError(f"training {run} was dropped, and its name stays its own: give another name")
    if events and not resumes:
        raise StorageError(f"there is a training {run} already: resume it, or give another name")
    if resumes and not events:
        raise StorageError(f"there is no training {run} to be resumed; `redub runs` lists those there are")


def finish_training(catalog: Catalog, attempt: Attempt, event: str, message: str = "") -> None:
    """`event`: FINISHED, STOPPED by a person, or FAILED, with the reason in one sentence."""
    assert event in (FINISHED, STOPPED, FAILED)
    _end(catalog, attempt, event, message)


def _end(catalog: Catalog, attempt: Attempt, event: str, message: str) -> None:
    start = catalog.read(TRAININGS, f"key = '{attempt.run}.{attempt.number}.{STARTED}'")[0]
    _log(catalog, attempt, event, start, message)


def _log(catalog: Catalog, attempt: Attempt, event: str, fields: Mapping[str, Any], message: str) -> None:
    key = f"{attempt.run}.{attempt.number}.{event}"
    own = {"key": key, "attempt": attempt.number, "event": event, "at": datetime.now(UTC), "message": message}
    catalog.insert(TRAININGS, TrainingRow, [TrainingRow(**{**fields, **own})])


def write_metrics(catalog: Catalog, attempt: Attempt, values: Mapping[int, Mapping[str, float]]) -> None:
    """`values`: step -> name -> value. Each call is a commit, which others must read: give it many steps at once."""
    now = datetime.now(UTC)
    rows = [
        MetricRow(f"{_key(attempt, step)}.{name}", attempt.run, attempt.number, step, name, float(value), now)
        for step, named in values.items()
        for name, value in named.items()
    ]
    if rows:
        catalog.insert(METRICS, MetricRow, rows)


def write_skipped(catalog: Catalog, attempt: Attempt, step: int, ids: Sequence[str], reason: str) -> None:
    row = SkippedRow(
        _key(attempt, step), attempt.run, attempt.number, step, list(ids), reason, datetime.now(UTC)
    )
    catalog.insert(SKIPPED, SkippedRow, [row])


def write_checkpoint(catalog: Catalog, attempt: Attempt, written: Written) -> None:
    """Call it when its folder is in place, whole (names.checkpoint_place)."""
    known = asdict(written) | {
        "metrics": json.dumps(written.metrics),
        "uri": checkpoint_place(attempt.run, written.step),
    }
    _log_checkpoint(catalog, attempt, WRITTEN, known, "")
    if written.best:
        _mark_best(catalog, attempt.run)


def _log_checkpoint(
    catalog: Catalog, attempt: Attempt, event: str, known: Mapping[str, Any], message: str
) -> None:
    own = {
        "key": f"{_key(attempt, known['step'])}.{event}", "run": attempt.run, "attempt": attempt.number,
        "event": event, "at": datetime.now(UTC), "kept": event != DROPPED, "message": message,
    }  # fmt: skip
    catalog.insert(CHECKPOINTS, CheckpointRow, [CheckpointRow(**{**known, **own})])


def _key(attempt: Attempt, step: int) -> str:
    return f"{attempt.run}.{attempt.number}.{step}"


# -- dropping -----------------------------------------------------------------------------------------


def drop_checkpoint(catalog: Catalog, attempt: Attempt, step: int, why: str = "") -> str:
    """Deletes a checkpoint's files. Returns '', or who was made with it: then it stays, so that it can be loaded again."""
    if user := users_of(catalog, attempt.run).get(step, ""):
        return user
    found = next((one for one in checkpoints_of(catalog, attempt.run) if one.step == step), None)
    if found is not None:
        known = asdict(found) | {"metrics": json.dumps(found.metrics)}
        _log_checkpoint(catalog, attempt, DROPPED, known, why)
        if found.best:
            _mark_best(catalog, attempt.run)
    _remove(catalog, f"{catalog.root}/{checkpoint_place(attempt.run, step)}")
    return ""


def drop_training(catalog: Catalog, run: str, why: str = "") -> None:
    """Deletes all files of a training; its rows stay. Call it with the training's lock held."""
    dropped = training(catalog, run)
    if users := users_of(catalog, run):
        step, user = next(iter(users.items()))
        raise StorageError(
            f"training {run} can't be dropped, since there are {user} that were made with run:{run}@{step}: give up the "
            "versions that have those (`redub gc --keep N --yes`)"
            if user.startswith("rows")
            else f"training {run} can't be dropped, since {user} began from or loads run:{run}@{step}: drop that first"
        )
    attempt = Attempt(run, dropped.attempt)
    for one in checkpoints_of(catalog, run):
        drop_checkpoint(catalog, attempt, one.step, why)
    _remove_all(catalog, run)
    _end(catalog, attempt, DROPPED, why)


def drop_pictures(catalog: Catalog, run: str) -> None:
    """Deletes what shows people of a training's data: the pictures of its validations, and TensorBoard's copies."""
    for folder in (SAMPLES, TENSORBOARD):
        _remove(catalog, f"{run_uri(catalog, run)}/{folder}")


# -- files --------------------------------------------------------------------------------------------


def _remove(catalog: Catalog, uri: str) -> None:
    fs, path = catalog.store.filesystem(uri)
    if fs.exists(path):
        fs.rm(path, recursive=True)


def _remove_all(catalog: Catalog, run: str) -> None:
    """Also what no row speaks of, as the folder of a training that was killed while it wrote."""
    fs, path = catalog.store.filesystem(run_uri(catalog, run))
    for entry in fs.ls(path, detail=False, refresh=True) if fs.exists(path) else ():
        if not entry.rpartition("/")[2].startswith("."):  # its lock
            fs.rm(entry, recursive=True)


def _mark_best(catalog: Catalog, run: str) -> None:
    """The file says the same as the rows, for those who have no catalog: `run:NAME@best` is a path to them."""
    best, uri = best_of(catalog, run), f"{run_uri(catalog, run)}/{BEST}"
    if best is None:
        _remove(catalog, uri)
    elif "://" in uri:
        fs, path = catalog.store.filesystem(uri)
        fs.pipe_file(path, str(best.step).encode())
    else:
        whole = Path(f"{uri}.{os.getpid()}")
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(str(best.step))
        whole.replace(uri)
