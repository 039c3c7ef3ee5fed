"""Whether the faces of one track are one person's: who is seen before any moment of it against who is seen after."""

from collections.abc import Sequence

import numpy as np

FEW = 2
"""Faces on each side of a moment, where there are so many: one that is hidden by a hand says little."""


def agreement(faces: Sequence[np.ndarray]) -> float | None:
    """Returns the least cosine between the mean face before and after any moment; None of fewer than two faces.

    `faces` are unit vectors in the order of time.
    """
    count = len(faces)
    if count < 2:
        return None
    faces_ND = np.stack(faces)
    before_ND = np.cumsum(faces_ND, axis=0)
    after_ND = before_ND[-1] - before_ND
    few = FEW if count >= 2 * FEW else 1
    places = slice(few - 1, count - few)
    one_MD, other_MD = before_ND[places], after_ND[places]
    norms_M = np.linalg.norm(one_MD, axis=1) * np.linalg.norm(other_MD, axis=1) + 1e-9
    return float(((one_MD * other_MD).sum(axis=1) / norms_M).min())
