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

from safetensors import safe_open
from safetensors.torch import save_file

from models.mini.world_pictures import TRAINING
from models.weights.references import MINI

log = logging.getLogger(__name__)
Numbers = Mapping[str, float]
Made = TypeVar("Made")
PEOPLE, NOISES = 40, (0, 1, 2)
"""Strangers that were used for no choice, and the noises that each is made from, where a training is measured."""
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""Student's t of so many values, for 95 %."""


def described(name: str, what: str, learned: str, plan: Any, numbers: Numbers) -> dict[str, Any]:
    """Returns what is kept with the weights that `python -m models.mini.NAME` makes."""
    return {
        **trained(what, learned, f"python -m models.mini.{name}"),
        "plan": asdict(plan),
        "measured": {name: round(value, 4) for name, value in numbers.items()},
    }


def trained(what: str, learned: str, command: str) -> dict[str, Any]:
    """Returns what any weights that learned from the procedural world say of themselves."""
    return {
        "licence": "Apache-2.0",
        "what": f"redub's mini {what}",
        "trained_on": f"{learned} of the procedural world, seeds from {TRAINING}; no real footage",
        "command": command,
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


def ship_trained(
    file: Path, out: Path, said: Mapping[str, Any], measure: Callable[[str, int], Numbers]
) -> None:
    """Saves weights of a training in half precision, measures them as they lie there, and saves what was measured.

    `measure` is given their place and the seed of a noise.
    """
    save_half(file, out, said)
    numbers = over_noises([measure(str(out), seed) for seed in NOISES])
    save_half(file, out, {**said, "measured": numbers})
    log.info("%s, over %d noises: %s", out.name, len(NOISES), json.dumps(numbers, indent=1))


def save_half(file: Path, out: Path, said: Mapping[str, Any]) -> None:
    """Saves in half precision; what the file says of itself stays, with what is `said` beside it."""
    with safe_open(file, "pt") as given:
        weights = {key: given.get_tensor(key).half() for key in given.keys()}  # noqa: SIM118
        metadata = dict(given.metadata() or {})
    own = json.loads(metadata.get("about", "{}"))
    save_file(weights, out, {**metadata, "about": json.dumps({**own, **said})})
    out.chmod(0o644)


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
