"""Reads what MediaPipe's detectors of faces and palms answer: one guess for each anchor, a point of a grid over the picture.

The networks are BlazeFaces (Bazarevsky et al. 2019, arXiv:1907.05047). A guess is numbers in pixels of the input, places
as offsets from the anchor: middle, width and height, then points; of a face six (eyes, nose, mouth, ears), of a palm
seven (wrist, where four fingers begin, two of the thumb). The guesses at one thing are averaged by their scores, as in
the paper's section 3.3. N counts anchors, G the numbers of a guess, P its points.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from models.faces.boxes import Box, overlap

GRIDS = {896: ((16, 2), (8, 6)), 2304: ((48, 1),), 2016: ((24, 2), (12, 6))}
"""Anchors in all (faces near, faces far, palms) -> cells a side of each grid, and anchors in each of its cells."""
MOST_LOGIT = 100.0
SAME = 0.3
"""Two guesses that overlap by more are one thing."""


@dataclass(frozen=True)
class Sighting:
    """One thing that the detector takes to be there."""

    box: Box
    points_P2: np.ndarray
    """Of a face: left and right eye, nose, middle of the mouth, left and right ear; left is the picture's."""
    score: float

    @property
    def roll(self) -> float:
        """Degrees, of a face; positive when the head's top leans to the right of the picture."""
        x, y = self.points_P2[1] - self.points_P2[0]
        return float(np.degrees(np.arctan2(y, x)))

    def moved(self, scale: float, corner: tuple[float, float]) -> "Sighting":
        """Returns the sighting in pixels of the picture of which the input was a scaled part."""
        (x, y, wide, high), (left, top) = self.box, corner
        box = x * scale + left, y * scale + top, wide * scale, high * scale
        return replace(self, box=box, points_P2=self.points_P2 * scale + corner)


@cache
def anchors(count: int) -> np.ndarray:
    """Returns the anchors, x and y as shares of the side, in the order of the outputs (N, 2)."""
    grids = []
    for cells, each in GRIDS[count]:
        rows, columns = np.mgrid[:cells, :cells]
        grids.append(np.stack([columns.ravel(), rows.ravel()], 1).repeat(each, 0) / cells + 0.5 / cells)
    return np.concatenate(grids)


def decode(guesses_NG: np.ndarray, logits_N: np.ndarray, side: int, least: float) -> list[Sighting]:
    """Returns what is likelier than `least`, best first, in pixels of an input of that side."""
    sure_N = 1 / (1 + np.exp(-np.clip(logits_N.astype(np.float64), -MOST_LOGIT, MOST_LOGIT)))
    likely_L = np.flatnonzero(sure_N >= least)
    pairs_LM2 = guesses_NG[likely_L].reshape(len(likely_L), guesses_NG.shape[1] // 2, 2).astype(np.float64)
    at_L12 = (anchors(len(logits_N))[likely_L] * side)[:, None]
    size_L2, points_LP2 = pairs_LM2[:, 1], pairs_LM2[:, 2:] + at_L12
    corner_L2 = pairs_LM2[:, 0] + at_L12[:, 0] - size_L2 / 2
    real_L = (size_L2 > 0).all(1) & np.isfinite(pairs_LM2).all((1, 2))
    boxes = np.concatenate([corner_L2, size_L2], 1).tolist()
    scores = sure_N[likely_L].tolist()
    return merged([Sighting(tuple(boxes[n]), points_LP2[n], scores[n]) for n in np.flatnonzero(real_L)])


def merged(found: list[Sighting]) -> list[Sighting]:
    """Returns one sighting for each thing, best first: the mean of those that overlap the best, by their scores."""
    left, kept = sorted(found, key=lambda one: -one.score), []
    while left:
        best = left[0]
        alike: list[Sighting] = [best]
        other: list[Sighting] = []
        for one in left[1:]:
            (alike if overlap(one.box, best.box) > SAME else other).append(one)
        left = other
        weights = np.array([one.score for one in alike]) / sum(one.score for one in alike)
        box = weights @ np.array([one.box for one in alike])
        points_P2 = np.tensordot(weights, np.stack([one.points_P2 for one in alike]), 1)
        kept.append(Sighting((*map(float, box),), points_P2, best.score))  # type: ignore[arg-type]
    return kept
