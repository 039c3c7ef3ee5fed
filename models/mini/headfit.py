"""Trains the mini head encoder on the procedural world, and measures it, and the masks it leads to, on strangers.

    python -m models.mini.headfit

writes models/mini/weights/head.safetensors, the same bytes every time on one machine, and prints the report.
C counts clips, F frames of each, S identity vectors, M moves.
"""

import json
import logging
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from models.faces.mini import MiniFaces
from models.heads.moves import MOUTH, MOVES, SHAPES
from models.heads.nets import HeadEncoder, Look, Sight
from models.heads.soft import SoftHead
from models.mini.augment import vary
from models.mini.face import seeded, train
from models.mini.headcorpus import SIDE, Batch, Corpus, corpus, draw
from models.mini.headmeasure import FLOORS, measure
from models.mini.shipping import Numbers, described, ship
from models.world.head import head
from models.world.render import face_triangles

log = logging.getLogger(__name__)
__all__ = ["FLOORS", "Plan", "make", "measure", "save"]
START = "mini:face"
"""Its landmark network knows the world's faces already, which saves most of the way."""
WEIGHTS = {"opening": 3.0, "width": 3.0, "protrusion": 3.0, "smile": 2.0}
"""What lies round the mouth counts more than the rest: it is little of the picture."""
SURFACE = 10
"""One in so many vertices of the face counts in the loss."""
Fitted = tuple[Tensor, Tensor]
"""The shape, NS, and the moves, NM, of N faces."""


@dataclass(frozen=True)
class Plan:
    seed: int = 1
    people: int = 1200
    frames: int = 8
    """Of a person's clip."""
    rooms: int = 150
    steps: int = 1000
    views: int = 2
    """How often every clip is cut anew while the eyes stay as they are, and nothing but the rest learns."""
    first_steps: int = 2000
    first_batch: int = 16
    first_rate: float = 2e-3
    batch: int = 6
    """Clips in a batch."""
    rate: float = 5e-4
    strangers: int = 60
    """People the report is measured on; none of them was trained on."""


class Objective:
    """How far the landmarks, the face with its jaw at the fixed opening, and the numbers themselves are off."""

    def __init__(self, spread_M: Tensor):
        model = head()
        self.landmarks = SoftHead(model, model.landmark_L3[:, 0], SHAPES)
        self.surface = SoftHead(model, np.unique(face_triangles(model))[::SURFACE], SHAPES)
        self.spread_M = spread_M
        self.weight_M = torch.tensor([WEIGHTS.get(move, 1.0) for move in MOVES])
        self.kept_M = torch.tensor([float(move not in MOUTH) for move in MOVES])
        self.open_M = torch.tensor([float(move == "opening") for move in MOVES])

    def __call__(self, net: HeadEncoder, batch: Batch, look: Look) -> Tensor:
        shape = batch.there_CF.shape
        known_ND, points_NL2, present_N = look
        shape_CS, moves_CFM = net.tell(known_ND.unflatten(0, shape), present_N.unflatten(0, shape))
        there_CF = batch.there_CF
        aim, guess = (
            (numbers_CS[:, None].expand(-1, shape[1], -1)[there_CF], all_CFM[there_CF])
            for numbers_CS, all_CFM in ((batch.shape_CS, batch.moves_CFM), (shape_CS, moves_CFM))
        )
        off = self._drawn(aim, guess, points_NL2[there_CF.flatten()]) + self._numbers(aim[1], guess[1])
        off = off + 0.3 * smooth_l1_loss(shape_CS, batch.shape_CS, beta=0.3)
        return off + 0.3 * binary_cross_entropy_with_logits(present_N, there_CF.flatten().float())

    def _drawn(self, aim: Fitted, guess: Fitted, points_NL2: Tensor) -> Tensor:
        """In pixels: the landmarks as seen and as the numbers put them, and the face that makes the mask."""
        aim_NL2 = self.landmarks(*aim)
        off = pixels(points_NL2, aim_NL2) + pixels(self.landmarks(*guess), aim_NL2)
        return 2 * (off + pixels(self.surface(*self._fixed(guess)), self.surface(*self._fixed(aim))))

    def _numbers(self, aim_NM: Tensor, guess_NM: Tensor) -> Tensor:
        off_NM = smooth_l1_loss(guess_NM / self.spread_M, aim_NM / self.spread_M, reduction="none", beta=0.1)
        return 2 * (off_NM * self.weight_M).mean()

    def _fixed(self, numbers: Fitted) -> Fitted:
        return numbers[0], numbers[1] * self.kept_M + self.open_M


def pixels(one_NL2: Tensor, other_NL2: Tensor) -> Tensor:
    return smooth_l1_loss(SIDE * one_NL2, SIDE * other_NL2, beta=0.2)


def start() -> dict[str, Tensor]:
    """The eyes to begin with."""
    return MiniFaces(START).landmarker.state_dict()


def make(plan: Plan) -> HeadEncoder:
    rng, noise = seeded(plan.seed)
    made = corpus(plan.seed, plan.people, plan.frames, plan.rooms)
    net = HeadEncoder(head().landmark_names)
    net.load_state_dict(net.state_dict() | start())
    net.usual_M.copy_(torch.from_numpy(made.moves_CFM.mean((0, 1))))
    net.spread_M.copy_(torch.from_numpy(made.moves_CFM.std((0, 1))))
    objective = Objective(net.spread_M.clone())

    def step() -> Tensor:
        batch = draw(made, rng.choice(plan.people, plan.batch, replace=False), rng)
        return objective(net, batch, net.look(vary(batch.rgb_CF3HW.flatten(0, 1), noise)))

    views = [view(net, made, plan, rng, noise) for _ in range(plan.views)]
    upright_NL2 = net.upright(torch.cat([sight[1][batch.there_CF.flatten()] for batch, sight in views]))
    net.usual_L2.copy_(upright_NL2.mean(0))
    net.spread_L2.copy_(upright_NL2.std(0))
    train(net, lambda: objective(net, *glance(net, views, plan, rng)), plan.first_steps, plan.first_rate)
    log.info("its eyes learn, too")
    train(net, step, plan.steps, plan.rate)
    return net.eval()


def view(
    net: HeadEncoder, made: Corpus, plan: Plan, rng: np.random.Generator, noise: torch.Generator
) -> tuple[Batch, Sight]:
    """All clips, cut somehow, as the untrained eyes see them; the pictures themselves are dropped."""
    batches, seen = [], []
    with torch.no_grad():
        for some_C in np.array_split(np.arange(plan.people), max(plan.people // 8, 1)):
            batch = draw(made, some_C, rng)
            seen.append(net.see(vary(batch.rgb_CF3HW.flatten(0, 1), noise)))
            batches.append(replace(batch, rgb_CF3HW=batch.there_CF))
    whole = Batch(*(torch.cat([getattr(batch, f.name) for batch in batches]) for f in fields(Batch)))
    deep, points, answers, mouths = (torch.cat(parts) for parts in zip(*seen, strict=True))
    return whole, (deep, points, answers, mouths)


def glance(
    net: HeadEncoder, views: list[tuple[Batch, Sight]], plan: Plan, rng: np.random.Generator
) -> tuple[Batch, Look]:
    """Some clips of one of the views: without the eyes, a step costs a tenth."""
    whole, seen = views[rng.integers(len(views))]
    some_C = torch.from_numpy(rng.choice(plan.people, plan.first_batch, replace=False))
    some_N = (some_C[:, None] * plan.frames + torch.arange(plan.frames)).flatten()
    deep, points, answers, mouths = (part[some_N] for part in seen)
    batch = Batch(*(getattr(whole, f.name)[some_C] for f in fields(Batch)))
    return batch, net.grasp(deep, points, answers, mouths)


def save(net: HeadEncoder, plan: Plan, numbers: Numbers, path: Path) -> None:
    said = described("headfit", "head encoder", f"{plan.people} people", plan, numbers)
    said |= {"moves": MOVES, "shapes": SHAPES}
    # Half precision moves no landmark by a hundredth of a pixel.
    # One entry, as safetensors writes several in another order each time, and the digest would change.
    weights = {key: value.half().contiguous() for key, value in net.state_dict().items()}
    save_file(weights, path, {"about": json.dumps(said)})


def main() -> None:
    plan = Plan()
    ship(
        __doc__, "head.safetensors", lambda: make(plan), lambda net, n, p: save(net, plan, n, p),
        lambda path: measure(path, plan.strangers),
    )  # fmt: skip


if __name__ == "__main__":
    main()
