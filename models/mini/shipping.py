"""Ships a mini model: saves it, measures it as it lies there, and saves it again with what was measured.

Every file says of itself under which licence it is, what it learned from, by which command, and how good it is.
"""

import argparse
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any, TypeVar

from models.mini.world_pictures import TRAINING
from models.weights.references import MINI

log = logging.getLogger(__name__)
Numbers = Mapping[str, float]
Made = TypeVar("Made")
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""Student's t of so many values, for 95 %."""


def described(name: str, what: str, learned: str, plan: Any, numbers: Numbers) -> dict[str, Any]:
    """Returns what is kept with the weights that `python -m models.mini.NAME` makes."""
    return {
        "licence": "Apache-2.0",
        "what": f"redub's mini {what}",
        "trained_on": f"{learned} of the procedural world, seeds from {TRAINING}; no real footage",
        "command": f"python -m models.mini.{name}",
        "plan": asdict(plan),
        "measured": {name: round(value, 4) for name, value in numbers.items()},
    }


def over_noises(each: Sequence[Numbers]) -> dict[str, dict[str, float]]:
    """Returns the mean of each number, and half of its 95 % interval, over two to five noises."""
    return {name: _mean_and_interval([one[name] for one in each]) for name in each[0]}


def _mean_and_interval(values: Sequence[float]) -> dict[str, float]:
    half = STUDENT[len(values)] * stdev(values) / len(values) ** 0.5
    return {"mean": round(mean(values), 4), "plus_minus": round(half, 4)}


def write_about(folder: Path, said: Mapping[str, Any]) -> None:
    """Writes about.json beside weights that are a folder, and lets anybody read them.

    An installed package may be another user's.
    """
    (folder / "about.json").write_text(json.dumps(said, indent=1) + "\n")
    for weights in folder.glob("*.safetensors"):
        weights.chmod(0o644)


def ship(
    title: str,
    file: str,
    plan: Any,
    make: Callable[[Any], Made],
    save: Callable[[Made, Any, Numbers, Path], None],
    measure: Callable[[str, int], Numbers],
) -> None:
    """The command of a training: makes a model after its plan, and ships it as `file` among the weights."""
    parser = argparse.ArgumentParser(description=title.splitlines()[0])
    parser.add_argument("--out", type=Path, default=MINI / file, help="default: %(default)s")
    out = parser.parse_args().out
    show_progress()
    out.parent.mkdir(parents=True, exist_ok=True)
    made = make(plan)
    save_measured(made, plan, out, save, measure)


def show_progress() -> None:
    """Lets a training's log lines be seen, with the time of each."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")


def save_measured(
    made: Made,
    plan: Any,
    out: Path,
    save: Callable[[Made, Any, Numbers, Path], None],
    measure: Callable[[str, int], Numbers],
) -> None:
    """Saves the weights, measures them as they lie there, and saves them again with what was measured."""
    save(made, plan, {}, out)
    numbers = measure(str(out), plan.strangers)
    save(made, plan, numbers, out)
    log.info("on strangers: %s", json.dumps(numbers, indent=1))
