"""Reads what MediaPipe's face detectors answer: one guess for each anchor, a point of a grid over the picture.

The networks are BlazeFaces (Bazarevsky et al. 2019, arXiv:1907.05047). A guess is sixteen numbers in pixels of the
input, places as offsets from the anchor: middle, width and height, then six points (eyes, nose, mouth, ears). The
guesses at one face are averaged by their scores, as in the paper's section 3.3. N counts anchors.
"""

from dataclasses import dataclass, replace

import numpy as np

from models.faces.boxes import Box, overlap

GRIDS = {896: ((16, 2), (8, 6)), 2304: ((48, 1),)}
"""Anchors in all (short range, full range) -> cells a side of each grid, and anchors in each of its cells."""
MOST_LOGIT = 100.0
SAME = 0.3
"""Two guesses that overlap by more are one face."""


@dataclass(frozen=True)
class Sighting:
    """One face that the detector takes to be there."""

    box: Box
    points_62: np.ndarray
    """Left and right eye, nose, middle of the mouth, left and right ear; left is the picture's."""
    score: float

    @property
    def roll(self) -> float:
        """Degrees; positive when the head's top leans to the right of the picture."""
        x, y = self.points_62[1] - self.points_62[0]
        return float(np.degrees(np.arctan2(y, x)))

    def moved(self, scale: float, corner: tuple[float, float]) -> "Sighting":
        """Returns the sighting in pixels of the picture of which the input was a scaled part."""
        (x, y, wide, high), (left, top) = self.box, corner
        box = x * scale + left, y * scale + top, wide * scale, high * scale
        return replace(self, box=box, points_62=self.points_62 * scale + corner)


def anchors(count: int) -> np.ndarray:
    """Returns the anchors, x and y as shares of the side, in the order of the outputs (N, 2)."""
    grids = []
    for cells, each in GRIDS[count]:
        rows, columns = np.mgrid[:cells, :cells]
        grids.append(np.stack([columns.ravel(), rows.ravel()], 1).repeat(each, 0) / cells + 0.5 / cells)
    return np.concatenate(grids)


def decode(guesses_N16: np.ndarray, logits_N: np.ndarray, side: int, least: float) -> list[Sighting]:
    """Returns the faces that are likelier than `least`, best first, in pixels of an input of that side."""
    sure_N = 1 / (1 + np.exp(-np.clip(logits_N.astype(np.float64), -MOST_LOGIT, MOST_LOGIT)))
    at_N2 = anchors(len(logits_N)) * side
    found = []
    for n in np.flatnonzero(sure_N >= least):
        points_82 = guesses_N16[n].reshape(8, 2).astype(np.float64)
        (x, y), (wide, high) = points_82[0] + at_N2[n], points_82[1]
        box = float(x - wide / 2), float(y - high / 2), float(wide), float(high)
        if wide > 0 and high > 0 and np.isfinite(points_82).all():
            found.append(Sighting(box, points_82[2:] + at_N2[n], float(sure_N[n])))
    return merged(found)


def merged(found: list[Sighting]) -> list[Sighting]:
    """Returns one sighting for each face, best first: the mean of those that overlap the best, by their scores."""
    left, kept = sorted(found, key=lambda one: -one.score), []
    while left:
        best = left[0]
        alike = [one for one in left if one is best or overlap(one.box, best.box) > SAME]
        left = [one for one in left if not any(one is other for other in alike)]
        weights = np.array([one.score for one in alike]) / sum(one.score for one in alike)
        box = weights @ np.array([one.box for one in alike])
        points_62 = np.tensordot(weights, np.stack([one.points_62 for one in alike]), 1)
        kept.append(Sighting((*map(float, box),), points_62, best.score))  # type: ignore[arg-type]
    return kept
