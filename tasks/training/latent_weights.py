"""Brings masks of frames onto the grid of latents, as weights: what share of its pixels and frames each latent has.

F frames, T latent frames, H by W pixels or latents.
"""

import numpy as np

from models.audio.windows import FRAMES_PER_LATENT


def latent_weights(mask_FHW: np.ndarray, pixels: int) -> np.ndarray:
    """Returns float32 (T, H, W) of 0..1: means over squares of so many pixels and over each latent's frames.

    The first latent stands for one frame, each after it for four (models/vae/shapes.py).
    """
    frames, height, width = mask_FHW.shape
    assert frames % FRAMES_PER_LATENT == 1, frames
    assert not height % pixels, (height, pixels)
    assert not width % pixels, (width, pixels)
    squares = mask_FHW.reshape(frames, height // pixels, pixels, width // pixels, pixels)
    small_FHW = squares.mean((2, 4), dtype=np.float32)
    rest_THW = small_FHW[1:].reshape(-1, FRAMES_PER_LATENT, *small_FHW.shape[1:]).mean(1)
    return np.concatenate([small_FHW[:1], rest_THW])
