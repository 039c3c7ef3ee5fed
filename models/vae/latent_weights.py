"""Brings masks of frames onto the grid of latents, as weights: what share of its pixels and frames each latent has.

B samples, F frames or latent frames, H by W pixels or latents.
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from models.vae.shapes import FRAMES_PER_LATENT


def latent_weights(mask_BFHW: Tensor, pixels: int) -> Tensor:
    """Returns float32 (B, F, H, W) of 0..1: means over squares of so many pixels and over each latent's frames.

    The first latent stands for one frame, each after it for four (models/vae/shapes.py).
    """
    _, frames, height, width = mask_BFHW.shape
    assert frames % FRAMES_PER_LATENT == 1, frames
    assert height % pixels == width % pixels == 0, (height, width, pixels)
    small_BFHW = avg_pool2d(mask_BFHW.float(), pixels)
    rest_BF4HW = small_BFHW[:, 1:].unflatten(1, (-1, FRAMES_PER_LATENT))
    return torch.cat([small_BFHW[:, :1], rest_BF4HW.mean(2)], 1)
