"""Ships a trained generator as the mini one: measures it on strangers, and saves it with what was measured.

    python -m models.mini.generator CATALOG/trainings/NAME/step-00001500/weights.safetensors

`redub train generator` trains it; `make mini-generator` is the whole of it, command by command.
"""

import argparse
import json
import logging
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.dit.checkpoint import load
from models.dit.painting import Sampling
from models.mini.generator.measure import measured
from models.mini.generator.strangers import FIRST, strangers
from models.mini.shipping import over_noises, show_progress
from models.mini.world_pictures import TRAINING
from models.weights.about import about
from models.weights.references import MINI

log = logging.getLogger(__name__)
PEOPLE, SEEDS = 40, (0, 1, 2)
"""Strangers that were used for no choice, and the noises that each is painted from."""

FROM = {
    "licence": "Apache-2.0",
    "trained_on": f"1600 people of the procedural world, seeds from {TRAINING}; no real footage",
    "command": "make mini-generator",
}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument(
        "--out", type=Path, default=MINI / "generator.safetensors", help="default: %(default)s"
    )
    asked = parser.parse_args()
    show_progress()
    torch.set_num_threads(1)
    weights = {key: value.half() for key, value in load_file(asked.weights).items()}
    said = {**about(asked.weights), "what": "redub's mini generator", **FROM}
    save(weights, said, asked.out)
    numbers = measured_over_seeds(str(asked.out))
    save(weights, {**said, "measured": numbers}, asked.out)
    log.info(
        "%d strangers from seed %d on, %d noises: %s",
        PEOPLE,
        FIRST,
        len(SEEDS),
        json.dumps(numbers, indent=1),
    )


def save(weights: dict[str, Tensor], said: dict[str, Any], out: Path) -> None:
    """Saves in half precision; it is measured as it is stored."""
    save_file(weights, out, {"about": json.dumps(said)})
    out.chmod(0o644)


def measured_over_seeds(reference: str) -> dict[str, dict[str, float]]:
    """Returns mean and half of the 95 % interval of each number over the noises."""
    net, people = load(reference), strangers(FIRST, PEOPLE)
    return over_noises([measured(net, people, Sampling(), seed)[0] for seed in SEEDS])


if __name__ == "__main__":
    main()
