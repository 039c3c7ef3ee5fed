"""Makes what the mini VAE learns from: clips of the procedural world, and how much each pixel counts."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.mini.world_clips import make_clip
from models.mini.world_pictures import TRAINING

MOUTH = 4.0
"""How much more the pixels round the mouth count."""


@dataclass(frozen=True)
class Plan:
    """How the mini VAE is trained."""

    seed: int = 1
    people: int = 1400
    frames: int = 17
    """Fewer never show the net how a long clip goes on."""
    steps: int = 1200
    rate: float = 1e-3
    batch: int = 2
    strangers: int = 24


Batch = tuple[Tensor, Tensor]
"""Pictures -1..1, and how much each pixel counts."""


def corpus(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Makes the clips, and returns where the mouth's middle is in each as well."""
    clips = [make_clip(plan.seed, TRAINING + n, plan.frames) for n in range(plan.people)]
    mouths_N2 = np.stack([clip.five_F52[:, 3:].mean((0, 1)) for clip in clips])
    return np.stack([clip.rgb_FHWC for clip in clips]), mouths_N2


def draw(rgb_NFHWC: np.ndarray, mouths_N2: np.ndarray, batch: int, rng: np.random.Generator) -> Batch:
    """Draws a batch, half of it mirrored."""
    chosen = rng.integers(len(rgb_NFHWC), size=batch)
    video = torch.from_numpy(rgb_NFHWC[chosen]).permute(0, 4, 1, 2, 3).float() / 127.5 - 1
    height, width = video.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    weights = torch.ones(batch, 1, 1, height, width)
    for n, (mouth_x, mouth_y) in enumerate(mouths_N2[chosen]):
        far = ((x - mouth_x) / (width / 6)) ** 2 + ((y - mouth_y) / (height / 8)) ** 2
        weights[n] += (MOUTH - 1) * torch.exp(-far)
        if rng.random() < 0.5:
            video[n], weights[n] = video[n].flip(-1), weights[n].flip(-1)
    return video, weights
