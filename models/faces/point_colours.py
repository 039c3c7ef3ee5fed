"""Reads a face's colours at the points of its mesh: the same places of skin in each frame, whatever the face does.

Each frame is first brought to one small upright square by the five points, so that a colour is the mean of about 3% of
the face's height, in every clip. Logarithms, because light multiplies: a shadow or a dimmer lamp is then a shift.

F frames, K the 468 points that MediaPipe's meshes have in common, L 20 places on the lips between their outer and
inner edge, P both together.
"""

from dataclasses import dataclass

import numpy as np

from models.faces.landmarks478 import INNER_RING, OUTER_LIPS, OVAL
from models.faces.warp import apply, inverse, pixels, similarity

SIDE = 64
"""Pixels of the square."""
FIVE_52 = np.array([[21, 22], [43, 22], [32, 33], [23.5, 44], [40.5, 44]], np.float64)
"""Where the five points lie in it; chin and forehead are about 14 pixels farther out."""
MESH = 468
DARK = 16.0
"""Added to each value, 0..255: what is nearly black has no colour but noise."""
BELOW_THE_EYES, BELOW_THE_NOSE = 31.0, 36.0
EYES, EYE = ((21, 20), (43, 20)), (10.0, 6.5)
"""Middles of eyes and brows, and half of what they take, across and down."""
MOUTH = 0.5
"""Margin of the mouth's box, in pixels."""
CHEEK = 15.0
"""Half the width of what lies around the mouth."""


@dataclass(frozen=True)
class Zones:
    """Which of the K points lie where."""

    skin_K: np.ndarray
    """Forehead, between and below the eyes, upper nose: what masks leave free."""
    lower_K: np.ndarray
    """Below the nose, without the mouth and the face's own edge."""
    around_K: np.ndarray
    """The part of it that is nearest to the mouth."""


def colours(rgb_HWC: np.ndarray, points_K2: np.ndarray, five_52: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the logarithms of red, green and blue at each place (P, 3), and where in the square it is (P, 2)."""
    points_P2 = np.concatenate([points_K2[:MESH], (points_K2[OUTER_LIPS] + points_K2[INNER_RING]) / 2])
    to_square_23 = similarity(five_52, FIVE_52)
    at_P2 = apply(to_square_23, points_P2.astype(np.float64))
    columns_P, rows_P = np.floor(at_P2).astype(int).clip(0, SIDE - 1).T
    return np.log(pixels(rgb_HWC, inverse(to_square_23), columns_P, rows_P).T + DARK), at_P2


def zones(at_FP2: np.ndarray) -> Zones:
    """Tells the zones apart by where the points mostly lie."""
    at_K2 = np.median(at_FP2, axis=0)[:MESH]
    x, y = at_K2.T
    within = np.ones(MESH, bool)
    within[OVAL] = False  # beside the face's edge lies what is behind it
    (left, top), (right, bottom) = at_K2[OUTER_LIPS].min(0) - MOUTH, at_K2[OUTER_LIPS].max(0) + MOUTH
    mouth = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    eyes = np.any([((x - ex) / EYE[0]) ** 2 + ((y - ey) / EYE[1]) ** 2 < 1 for ex, ey in EYES], axis=0)
    lower = within & (y > BELOW_THE_NOSE) & ~mouth
    return Zones(within & (y < BELOW_THE_EYES) & ~eyes, lower, lower & (np.abs(x - SIDE / 2) < CHEEK))
