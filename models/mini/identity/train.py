"""Trains the mini identity network, so that two pictures of one person are nearer than those of two people.

Pose, light, mouth, occluder and room differ between the pictures of a person; only the person stays.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from models.faces.identity import SIDE, aligned
from models.faces.nets import Conv, Residual, fuse
from models.mini.augment import vary
from models.mini.shipping import Numbers, described
from models.mini.training import seeded, train
from models.mini.world_pictures import TRAINING, make_shot

log = logging.getLogger(__name__)

SIZE = 128
"""Numbers in an embedding."""
PICTURE = (128, 128)
JITTER = 0.02
"""Error of the five points in training, over the distance of the eyes: as a landmark network leaves it."""


@dataclass(frozen=True)
class Plan:
    """How the network is trained."""

    seed: int = 1
    people: int = 1600
    scenes: int = 4
    """A person's scenes; each in its own light and room."""
    frames: int = 2
    steps: int = 1200
    batch_people: int = 16
    batch_pictures: int = 4
    rate: float = 2e-3
    warmth: float = 0.07
    strangers: int = 150


class Embedding(nn.Module):
    """Takes aligned RGB crops, -1..1, and gives unit vectors."""

    def __init__(self, norm: bool = False):
        super().__init__()
        self.body = nn.Sequential(
            Conv(3, 16, 2, norm),
            Conv(16, 24, 2, norm),
            Residual(24, norm),
            Conv(24, 48, 2, norm),
            Residual(48, norm),
            Conv(48, 64, 2, norm),
            Residual(64, norm),
            Conv(64, 32, 1, norm, size=1),
        )
        self.vector = nn.Linear(32 * 7 * 7, SIZE, bias=False)

    def forward(self, rgb_B3HW: Tensor) -> Tensor:
        return normalize(self.vector(self.body(rgb_B3HW).flatten(1)))


def crops_of(seed: int, person: int, scenes: int, frames: int, jitter: float) -> np.ndarray:
    """Returns one person's crops, uint8 (scenes x frames, 3, 112, 112).

    They are aligned by the world's own five points, a little off.
    """
    made = []
    for scene in range(scenes):
        rng = np.random.default_rng([seed, person, scene])
        shot = make_shot(seed * 1000 + scene, person, frames, "close", PICTURE, occluded=0.3)
        for rgb_HWC, five_52 in zip(shot.rgb_FHWC, shot.five_F52, strict=True):
            apart = np.linalg.norm(five_52[1] - five_52[0])
            made.append(aligned(rgb_HWC, five_52 + rng.normal(0, jitter * apart, (5, 2))))
    return np.stack(made).clip(0, 255).astype(np.uint8)


def contrast(vectors_BD: Tensor, person_B: Tensor, warmth: float) -> Tensor:
    """Returns a loss that wants one's own other pictures to be nearest (supervised contrast, Khosla et al. 2020, eq.
    2).

    In so few steps it learns more than a margin on class centres, which have to be found first.
    """
    itself_BB = torch.eye(len(person_B), dtype=torch.bool)
    near_BB = (vectors_BD @ vectors_BD.T / warmth).masked_fill(itself_BB, -1e9)
    mine_BB = (person_B[:, None] == person_B) & ~itself_BB
    return -(near_BB.log_softmax(1) * mine_BB).sum(1).div(mine_BB.sum(1)).mean()


def make(plan: Plan) -> Embedding:
    """Makes and trains the network."""
    rng, noise = seeded(plan.seed)
    people = range(TRAINING, TRAINING + plan.people)
    crops_PN = np.stack([crops_of(plan.seed, p, plan.scenes, plan.frames, JITTER) for p in people])
    log.info("%d pictures of %d people", crops_PN.shape[0] * crops_PN.shape[1], plan.people)
    net = Embedding(norm=True)

    def step() -> Tensor:
        chosen_P = rng.choice(plan.people, plan.batch_people, replace=False)
        some_PK = np.stack([rng.permutation(crops_PN.shape[1])[: plan.batch_pictures] for _ in chosen_P])
        crops_B3HW = crops_PN[chosen_P[:, None], some_PK].reshape(-1, 3, SIDE, SIDE)
        rgb_B3HW = vary(torch.from_numpy(crops_B3HW).float(), noise)
        flipped_B111 = torch.from_numpy(rng.random((len(rgb_B3HW), 1, 1, 1)) < 0.5)
        rgb_B3HW = torch.where(flipped_B111, rgb_B3HW.flip(3), rgb_B3HW)
        person_B = torch.arange(plan.batch_people).repeat_interleave(some_PK.shape[1])
        return contrast(net((rgb_B3HW - 127.5) / 127.5), person_B, plan.warmth)

    train(net, step, plan.steps, plan.rate)
    fuse(net)
    return net


def save(net: Embedding, plan: Plan, numbers: Numbers, path: Path) -> None:
    """Writes one ONNX file, with where it comes from in its metadata."""
    import onnx  # the default install has none, and measures these weights all the same

    torch.onnx.export(
        net,
        (torch.zeros(1, 3, SIDE, SIDE),),
        str(path),
        dynamo=False,
        input_names=["rgb"],
        output_names=["embedding"],
        dynamic_axes={"rgb": {0: "n"}, "embedding": {0: "n"}},
    )
    model = onnx.load(str(path))
    said = described("identity", "identity network", f"{plan.people} people", plan, numbers)
    for key, value in said.items():
        model.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
    path.write_bytes(model.SerializeToString())
