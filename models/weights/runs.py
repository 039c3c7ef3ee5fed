"""What `run:NAME`, `run:NAME@STEP` and `run:NAME@best` stand for: weights that a training of this project exported.

<RUNS>/NAME/step-00001200/weights.safetensors     a file, or a folder of that name
<RUNS>/NAME/best                                  the step of the best checkpoint, as text

RUNS is the environment variable REDUB_RUNS. Commands that know a catalog set it to `<catalog>/trainings`.
"""

import os
import re
from pathlib import Path

from models.weights.errors import ModelError

RUN = "run:"
RUNS = "REDUB_RUNS"
WEIGHTS = "weights.safetensors"
BEST = "best"

_REFERENCE = re.compile(r"run:(?P<name>[A-Za-z0-9][\w.-]{0,59})(@(?P<which>best|\d+))?", re.ASCII)
_STEP = re.compile(r"step-(\d+)")


def run_weights(reference: str) -> Path:
    """Returns the file or folder of weights behind a reference to a training."""
    return _checkpoint(reference)[1] / WEIGHTS


def pin(reference: str) -> str:
    """Returns `run:NAME@STEP` for the checkpoint that a reference means now, so that it means no later one."""
    return f"{RUN}{split_run(reference)[0]}@{_checkpoint(reference)[0]}"


def split_run(reference: str) -> tuple[str, str]:
    """Returns the training's name, and what follows the @: a step, `best`, or nothing for the newest one."""
    found = _REFERENCE.fullmatch(reference)
    if not found:
        raise ModelError(
            f"{reference!r} names no training: give run:NAME, run:NAME@STEP or run:NAME@best, as `redub runs` lists them"
        )
    return found["name"], found["which"] or ""


def _checkpoint(reference: str) -> tuple[int, Path]:
    name, which = split_run(reference)
    folder = runs_folder(reference) / name
    steps = _steps(folder)
    if not steps:
        raise ModelError(
            f"{reference}: there are no weights in {folder}; `redub runs` lists the trainings of a catalog, and "
            f"{RUNS} says where to look for them (CATALOG/trainings)"
        )
    step = _best(reference, folder) if which == "best" else int(which or max(steps))
    if step not in steps:
        kept = ", ".join(map(str, sorted(steps)))
        raise ModelError(f"{reference}: {folder} has no weights of step {step}; it has those of {kept}")
    return step, steps[step]


def runs_folder(reference: str) -> Path:
    """Returns the folder of all trainings; `reference` is for the error when nobody said where it is."""
    if not os.environ.get(RUNS):
        raise ModelError(
            f"{reference} is a training of a catalog, and nothing says of which: set {RUNS} to CATALOG/trainings"
        )
    return Path(os.environ[RUNS]).expanduser()


def _steps(folder: Path) -> dict[int, Path]:
    """Those whose weights are there: a folder gets its name once it is whole."""
    found = ((path, _STEP.fullmatch(path.name)) for path in folder.glob("step-*"))
    return {int(named[1]): path for path, named in found if named and (path / WEIGHTS).exists()}


def _best(reference: str, folder: Path) -> int:
    note = folder / BEST
    text = note.read_text().strip() if note.is_file() else ""
    if not text.isdigit():
        raise ModelError(
            f"{reference}: no checkpoint of {folder} is marked as the best one; give run:NAME or run:NAME@STEP"
        )
    return int(text)
