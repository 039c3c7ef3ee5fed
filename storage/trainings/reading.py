"""Answers about trainings from their rows: which there are and how they stand, their checkpoints, their metrics."""

import difflib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.ledger.newest import newest_fingerprints
from storage.trainings.names import check_name, training_holder
from storage.trainings.records import (
    CHECKPOINTS,
    DROPPED,
    METRICS,
    SKIPPED,
    STARTED,
    TRAININGS,
)


@dataclass(frozen=True)
class Training:
    run: str
    kind: str
    state: str
    """running, killed, finished, stopped, failed or dropped."""
    message: str
    started: datetime
    ended: datetime | None
    attempt: int
    """How often it was started or resumed."""
    recipe: Mapping[str, Any]
    data: str
    data_digest: str
    parents: tuple[str, ...]
    init: str
    git_commit: str
    profile: str
    world: int
    flow_run: str


@dataclass(frozen=True)
class Checkpoint:
    run: str
    step: int
    samples: int
    epoch: float
    at: datetime
    uri: str
    digest: str
    metrics: Mapping[str, float]
    seconds: float
    device_hours: float
    best: bool
    """It is the best one of its run now."""


def trainings(catalog: Catalog) -> list[Training]:
    """Newest first."""
    rows = defaultdict(list)
    for row in catalog.read(TRAININGS):
        rows[row["run"]].append(row)
    found = [_training(catalog, each) for each in rows.values()]
    return sorted(found, key=lambda one: one.started, reverse=True)


def training(catalog: Catalog, run: str) -> Training:
    rows = catalog.read(TRAININGS, _of(run))
    if not rows:
        raise StorageError(f"{catalog.root} has no training {run!r}; {_instead(catalog, run)}")
    return _training(catalog, rows)


def _instead(catalog: Catalog, run: str) -> str:
    known = list(dict.fromkeys(row["run"] for row in catalog.read(TRAININGS)))
    near = difflib.get_close_matches(run, known, 3) or known[-3:]
    return f"it has {', '.join(near)} (`redub runs` lists all)" if known else "it has none yet"


def _training(catalog: Catalog, rows: list[dict[str, Any]]) -> Training:
    """`rows` of one run, in order. What it was set up with is what the newest attempt says."""
    start = [row for row in rows if row["event"] == STARTED][-1]
    last = rows[-1]
    state = last["event"]
    if state == STARTED:
        state = "running" if training_holder(catalog, start["run"]) else "killed"
    return Training(
        start["run"], start["kind"], state, last["message"], rows[0]["at"], None if last is start else last["at"],
        start["attempt"], json.loads(start["recipe"]), start["data"], start["data_digest"], tuple(start["parents"]),
        start["init"], start["git_commit"], start["profile"], start["world"], start["flow_run"],
    )  # fmt: skip


# -- checkpoints --------------------------------------------------------------------------------------


def checkpoints_of(catalog: Catalog, run: str) -> list[Checkpoint]:
    """Those that are kept, by their steps."""
    last: dict[int, dict[str, Any]] = {}
    for row in catalog.read(CHECKPOINTS, _of(run)):
        last.pop(row["step"], None)
        if row["event"] != DROPPED:
            last[row["step"]] = row
    best = next((step for step in reversed(last) if last[step]["best"]), None)
    return [_checkpoint(last[step], step == best) for step in sorted(last)]


def _checkpoint(row: Mapping[str, Any], best: bool) -> Checkpoint:
    values = {name: row[name] for name in Checkpoint.__dataclass_fields__}
    return Checkpoint(**values | {"metrics": json.loads(row["metrics"]), "best": best})


def best_of(catalog: Catalog, run: str) -> Checkpoint | None:
    return next((one for one in checkpoints_of(catalog, run) if one.best), None)


def newest_of(catalog: Catalog, run: str) -> Checkpoint | None:
    return next(reversed(checkpoints_of(catalog, run)), None)


def checkpoint_named(catalog: Catalog, run: str, which: str = "") -> Checkpoint:
    """What `run:NAME`, `run:NAME@STEP` and `run:NAME@best` stand for; `which` is what is behind the @."""
    training(catalog, run)
    kept = checkpoints_of(catalog, run)
    fits = {"": kept[-1:], "best": [one for one in kept if one.best]}
    found = fits.get(which, [one for one in kept if which.isdigit() and one.step == int(which)])
    if not found:
        wanted = f"step {which}" if which.isdigit() else which or "any"
        steps = ", ".join(str(one.step) for one in kept) or "none yet"
        raise StorageError(f"training {run} has no checkpoint for {wanted!r}; those that it keeps: {steps}")
    return found[0]


# -- metrics ------------------------------------------------------------------------------------------


def metrics_of(catalog: Catalog, run: str) -> dict[str, list[tuple[int, float]]]:
    """Name -> (step, value) by step. Where a resumed training went over a step again, the later value counts."""
    values: dict[str, dict[int, float]] = defaultdict(dict)
    for row in catalog.read(METRICS, _of(run)):
        values[row["name"]][row["step"]] = row["value"]
    return {name: sorted(of_steps.items()) for name, of_steps in values.items()}


def last_metrics(catalog: Catalog, run: str) -> dict[str, tuple[int, float]]:
    return {name: values[-1] for name, values in metrics_of(catalog, run).items()}


def steps_reached(catalog: Catalog) -> dict[str, int]:
    """Run -> the last step of which anything is known."""
    reached: dict[str, int] = {}
    for table in (METRICS, CHECKPOINTS):
        dataset = open_table(catalog, table)
        if dataset is not None:
            found = dataset.to_table(columns=["run", "step"]).group_by("run").aggregate([("step", "max")])
            for row in found.to_pylist():
                reached[row["run"]] = max(row["step_max"], reached.get(row["run"], 0))
    return reached


def skipped_of(catalog: Catalog, run: str) -> list[dict[str, Any]]:
    """step, ids, reason and at of each batch that was left out."""
    rows = catalog.read(SKIPPED, _of(run))
    return [{name: row[name] for name in ("step", "ids", "reason", "at")} for row in rows]


# -- who holds what -----------------------------------------------------------------------------------


def trained_on(catalog: Catalog) -> dict[str, list[Training]]:
    """Version -> the trainings on it that were not dropped. For those who want to give it up."""
    found = defaultdict(list)
    for one in trainings(catalog):
        if one.state != DROPPED:
            found[one.data].append(one)
    return dict(found)


def users_of(catalog: Catalog, run: str) -> dict[int, str]:
    """Step -> who was made with that checkpoint: rows of a stage, or another training."""
    users: dict[int, str] = {}
    newest = set(newest_fingerprints(catalog).values())
    for fingerprint, made in catalog.computations().items():
        steps = _steps_named(made.weights, run)
        if steps and (fingerprint in newest or _has_rows(catalog, made.stage, fingerprint)):
            users |= dict.fromkeys(steps, f"rows of {made.stage}")
    for other in trainings(catalog):
        if other.run != run and other.state != DROPPED:
            named = [reference_of(parent) for parent in other.parents]
            users |= dict.fromkeys(_steps_named(named, run), f"training {other.run}")
    return users


def _has_rows(catalog: Catalog, stage: str, fingerprint: str) -> bool:
    dataset = open_table(catalog, stage)
    return dataset is not None and dataset.count_rows(f"fingerprint = '{fingerprint}'") > 0


def reference_of(parent: str) -> str:
    """The reference of a parent, without its digest."""
    return parent.rpartition(" ")[0]


def _steps_named(references: Any, run: str) -> list[int]:
    pinned = (one.removeprefix(f"run:{run}@") for one in references if one.startswith(f"run:{run}@"))
    return [int(step) for step in pinned if step.isdigit()]


def _of(run: str) -> str:
    return f"run = '{check_name(run)}'"
