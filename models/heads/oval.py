"""What heads of MediaPipe's points share, whoever found these: the fit of a clip, and the two shapes that are drawn.

Drawn is the face's oval, filled from the tip of the nose: a fan of 36 triangles, not the whole mesh, as only the
outline counts.
"""

import numpy as np

from models.faces.landmarks478 import KEPT, OUTER_LIPS, STORED
from models.heads.fit import Fit, Surface, fan
from models.heads.jaw import fit_of_points, points_with_jaw


def fit_of_clip(points_FP3: np.ndarray, expression_FE: np.ndarray) -> Fit:
    """Fits a head to points as shares of the picture's side; NaN where there is no face, and there may be none at all."""
    if np.isfinite(points_FP3).all((1, 2)).any():
        return fit_of_points(points_FP3, expression_FE)
    none_F, none_F3 = np.full(len(points_FP3), np.nan), np.full((len(points_FP3), 3), np.nan)
    return Fit(np.zeros(4 * len(KEPT)), expression_FE, none_F, none_F3, none_F3, points_FP3[:, STORED, :2])


def oval(fit: Fit, jaw: float, side: int) -> Surface:
    """Returns the face with its jaw at that angle, in pixels of a picture of that side."""
    ring = list(range(len(KEPT)))
    return Surface(points_with_jaw(fit, jaw) * side, fan(ring[:-1], ring[-1]))


def lips(fit: Fit, side: int) -> Surface:
    """Returns the lips as they are."""
    return Surface(fit.landmarks_FL2 * side, fan(list(range(len(OUTER_LIPS)))))
