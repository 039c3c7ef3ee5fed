"""Decodes the output layout of OpenCV Zoo's YuNet (2023mar): one guess per cell of three grids.

For each stride s of 8, 16 and 32: `cls_s` and `obj_s` (probabilities), `bbox_s` (middle in cells from the
cell's corner, log of width and height in cells) and `kps_s` (five points, likewise), cells row by row.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.faces.boxes import Box, overlap

STRIDES = (8, 16, 32)
MULTIPLE = 32
"""The network's input must have sides that are multiples of it."""
OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES)
SAME = 0.4
"""Two guesses that overlap by more are one face."""


@dataclass(frozen=True)
class Guess:
    """One face that a detector takes to be there."""

    box: Box
    five_52: np.ndarray
    score: float

    def moved(self, scale: float, corner: tuple[float, float]) -> "Guess":
        """Returns the guess in pixels of the picture of which the input was a scaled part."""
        (x, y, wide, high), (left, top) = self.box, corner
        box = x * scale + left, y * scale + top, wide * scale, high * scale
        return Guess(box, (self.five_52 * scale + corner).astype(np.float32), self.score)


def cells(width: int, height: int, stride: int) -> np.ndarray:
    """Returns column and row of each cell, in the order of the outputs."""
    rows, columns = np.mgrid[: height // stride, : width // stride]
    return np.stack([columns.ravel(), rows.ravel()], 1).astype(np.float32)


def decode(outputs: Mapping[str, np.ndarray], width: int, height: int, least: float) -> list[Guess]:
    """Returns the faces in one picture (batch of one), best first, in pixels of the network's input."""
    guesses: list[Guess] = []
    for stride in STRIDES:
        sure_N = np.clip(outputs[f"cls_{stride}"].reshape(-1), 0, 1) * np.clip(
            outputs[f"obj_{stride}"].reshape(-1), 0, 1
        )
        cells_N2 = cells(width, height, stride)
        for n in np.flatnonzero(sure_N >= least**2):
            x, y, wide, high = outputs[f"bbox_{stride}"].reshape(-1, 4)[n].astype(np.float64)
            (x, y), wide, high = (cells_N2[n] + (x, y)) * stride, np.exp(wide) * stride, np.exp(high) * stride
            five_52 = (outputs[f"kps_{stride}"].reshape(-1, 5, 2)[n] + cells_N2[n]) * stride
            box = float(x - wide / 2), float(y - high / 2), float(wide), float(high)
            guesses.append(Guess(box, five_52, float(np.sqrt(sure_N[n]))))
    return distinct_guesses(guesses)


def distinct_guesses(guesses: list[Guess]) -> list[Guess]:
    """Returns guesses, best first, without those that overlap a better one (non-maximum suppression)."""
    kept: list[Guess] = []
    for guess in sorted(guesses, key=lambda guess: -guess.score):
        if all(overlap(guess.box, other.box) < SAME for other in kept):
            kept.append(guess)
    return kept
