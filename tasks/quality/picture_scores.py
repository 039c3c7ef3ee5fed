"""Scores what a face's picture looks like: how sharp, how well lit, and how much of it moves."""

from typing import Any

import numpy as np

REGION = 1.1
"""Side of the square that is scored, in face sizes: from above the brow to the chin."""
FROZEN = 0.004
"""One grey level: where no block of an eighth of the face changes by more, only the codec has flickered."""
BLOCKS = 8
DARK, BRIGHT = 0.08, 0.92


def picture_scores(luma_THW: np.ndarray) -> dict[str, Any]:
    """Scores of the picture, from luma 0..1 of the sampled frames."""
    means = luma_THW.mean(axis=(1, 2))
    change_THW = np.abs(np.diff(luma_THW, axis=0))
    return {
        "sharpness": float(np.mean([_sharpness(luma) for luma in luma_THW])),
        "exposure": float(means.mean()),
        "dark_share": float((means < DARK).mean()),
        "bright_share": float((means > BRIGHT).mean()),
        "motion": float(change_THW.mean()) if len(change_THW) else 0.0,
        "frozen_share": float((_largest_block(change_THW) < FROZEN).mean()) if len(change_THW) else 1.0,
    }


def _sharpness(luma_HW: np.ndarray) -> float:
    c = luma_HW * 255
    laplacian = 4 * c[1:-1, 1:-1] - c[:-2, 1:-1] - c[2:, 1:-1] - c[1:-1, :-2] - c[1:-1, 2:]
    return float(laplacian.var())


def _largest_block(change_THW: np.ndarray) -> np.ndarray:
    """Per pair of frames the mean change of its busiest block: a mouth is small, so a mean hides it."""
    t, side, _ = change_THW.shape
    block = max(1, round(side / REGION / BLOCKS))
    count = side // block
    cut = change_THW[:, : count * block, : count * block]
    return cut.reshape(t, count, block, count, block).mean(axis=(2, 4)).max(axis=(1, 2))
