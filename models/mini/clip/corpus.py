"""Makes what the mini CLIP learns from: two frames each of many scenes, as other cameras would have taken them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from models.mini.augment import vary
from models.mini.world_pictures import make_shot

SIDE = 64
LARGE = 80
"""Pixels a side of the pictures that training cuts its own from."""


@dataclass(frozen=True)
class Plan:
    """How the mini CLIP is trained."""

    seed: int = 1
    people: int = 1200
    frames: int = 4
    """Of a shot of each, far apart in time."""
    steps: int = 250
    batch: int = 64
    """Pairs of pictures in a step."""
    rate: float = 1e-3
    warmth: float = 0.07
    strangers: int = 100


def pictures(plan: Plan, person: int) -> np.ndarray:
    """Returns one person's frames, uint8 (frames, 3, side, side), larger than the network takes."""
    return make_shot(plan.seed, person, plan.frames, "close", (LARGE, LARGE)).rgb_FHWC.transpose(0, 3, 1, 2)


def draw(corpus: np.ndarray, plan: Plan, rng: np.random.Generator) -> Tensor:
    """Draws two frames of each of some shots, uint8 (2 x batch, 3, H, W): first all the ones and then the others."""
    shots = rng.choice(len(corpus), plan.batch, replace=False)
    two_B2 = np.stack([rng.permutation(plan.frames)[:2] for _ in shots])
    return torch.from_numpy(np.concatenate([corpus[shots, frames] for frames in two_B2.T]))


def as_other_cameras_see(rgb_B3HW: Tensor, rng: torch.Generator) -> Tensor:
    """Gives each another camera and another cut, and mirrors some, so that no single spot or colour will do."""
    size_B = 1 - 0.4 * torch.rand(len(rgb_B3HW), generator=rng)
    sign_B = 1 - 2 * torch.randint(2, (len(rgb_B3HW),), generator=rng)
    at_2B = (1 - size_B) * (2 * torch.rand(2, len(rgb_B3HW), generator=rng) - 1)
    none_B = torch.zeros(len(rgb_B3HW))
    cut_B23 = torch.stack([size_B * sign_B, none_B, at_2B[0], none_B, size_B, at_2B[1]], 1).unflatten(
        1, (2, 3)
    )
    grid = affine_grid(cut_B23, [len(rgb_B3HW), 3, SIDE, SIDE], align_corners=False)
    return vary(grid_sample(rgb_B3HW, grid, padding_mode="reflection", align_corners=False), rng)
