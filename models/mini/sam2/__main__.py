"""Trains the mini SAM 2 on the procedural world, or a part of that training, measures it, and ships it."""

import argparse
from functools import partial
from pathlib import Path

from models.mini.sam2.corpus import Plan, takes
from models.mini.sam2.measure import measure
from models.mini.sam2.train import PARTS, learn, save
from models.mini.shipping import save_measured, show_progress
from models.mini.training import seeded
from models.segment.mini import untrained
from models.segment.sam2 import load
from models.weights.references import MINI


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument("--out", type=Path, default=MINI / "sam2", help="default: %(default)s")
    chosen = parser.parse_args()
    show_progress()
    plan = Plan()
    seeded(plan.seed)
    model = untrained()
    made = takes(plan)
    for part in chosen.parts:
        if part != "images":
            model = load(str(chosen.out))[0].requires_grad_(True)
        learn(model, made, plan, part)
        save(model, plan, {}, chosen.out, part)
    save_measured(model, plan, chosen.out, partial(save, part=chosen.parts[-1]), measure)


if __name__ == "__main__":
    main()
