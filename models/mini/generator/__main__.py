"""Ships a trained generator as the mini one: measures it on strangers, and saves it with what was measured.

    python -m models.mini.generator CATALOG/trainings/NAME/step-00001500/weights.safetensors

`redub train generator` trains it; `make mini-generator` is the whole of it, command by command.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch

from models.dit.checkpoint import load
from models.dit.painting import Sampling
from models.mini.generator.measure import measured
from models.mini.generator.strangers import FIRST, strangers
from models.mini.shipping import PEOPLE, ship_trained, show_progress, trained
from models.weights.references import MINI


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
    people = strangers(FIRST, PEOPLE)

    def measure(place: str, seed: int) -> Mapping[str, float]:
        return measured(load(place), people, Sampling(), seed)[0]

    said = trained("generator", "1600 people", "make mini-generator")
    ship_trained(asked.weights, asked.out, said, measure)


if __name__ == "__main__":
    main()
