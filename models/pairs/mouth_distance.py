"""Measures how far apart the mouths of two faces are, in pixels of ArcFace's 112x112 template.

    distances_F = mouth_distances(one_FK2, other_FK2, five_F52, backend.mouth, backend.steady)
    apart = without_noise(distances_F.mean(), noise)

The faces are the same but for the lips, so what brings one onto the other is fitted to points that speech does not
move (eyes, nose, forehead: `FaceBackend.steady`); fitted to all of them, an opening mouth would shrink the face and
hide a part of the very distance that is asked for. How many pixels of the template one pixel is follows from the eyes
and the nose of the first face. Both maps are Umeyama's (1991), as ArcFace's alignment is. F frames, K points.
"""

from collections.abc import Sequence

import numpy as np

from models.faces.identity import TEMPLATE_52
from models.faces.warp import apply, similarity

RIGID = 3
"""Of the five points: both eyes and the nose; the others are the corners of the mouth."""


def mouth_distances(
    one_FK2: np.ndarray,
    other_FK2: np.ndarray,
    five_F52: np.ndarray,
    mouth: Sequence[int],
    steady: Sequence[int],
) -> np.ndarray:
    """Returns for each frame the mean distance of the mouth's points; NaN where one of the two faces is not known.

    `five_F52` are the first face's, in the order of the template.
    """
    if one_FK2.shape != other_FK2.shape or len(five_F52) != len(one_FK2):
        raise ValueError(
            f"points of two faces must be as many on as many frames, not {one_FK2.shape}, {other_FK2.shape} and "
            f"five on {len(five_F52)}"
        )
    apart_F = np.full(len(one_FK2), np.nan)
    known_F = np.isfinite(one_FK2).all((1, 2)) & np.isfinite(other_FK2).all((1, 2))
    of_mouth, unmoved = list(mouth), list(steady)
    for f in np.flatnonzero(known_F & np.isfinite(five_F52).all((1, 2))):
        onto_23 = similarity(other_FK2[f, unmoved], one_FK2[f, unmoved])
        moved_M2 = apply(onto_23, other_FK2[f, of_mouth]) - one_FK2[f, of_mouth]
        apart_F[f] = template_scale(five_F52[f]) * np.linalg.norm(moved_M2, axis=1).mean()
    return apart_F


def template_scale(five_52: np.ndarray) -> float:
    """Returns how many pixels of the template a pixel of the picture is, by the eyes and the nose."""
    to_template_23 = similarity(five_52[:RIGID], TEMPLATE_52[:RIGID])
    return float(np.hypot(to_template_23[0, 0], to_template_23[1, 0]))


def without_noise(measured: float, noise: float) -> float:
    """Returns a distance less what the landmarks' own errors add to it; errors that know nothing of it add in squares."""
    return float(np.sqrt(max(measured**2 - noise**2, 0.0)))
