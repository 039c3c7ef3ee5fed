"""Measures whether two videos show the same person, frame by frame, by a network that tells people apart."""

import numpy as np

from models.faces.face import Embedder


def resemblances(
    embedder: Embedder, one_FHWC: np.ndarray, other_FHWC: np.ndarray, five_F52: np.ndarray, frames: int
) -> np.ndarray:
    """Returns cosines (N,) of evenly spread frames that have finite points, at most `frames`; none where no frame has.

    The five points are the first video's for both: the head is where it was, and points found in a mouth that is
    drawn badly would turn the crop as well.
    """
    known_N = np.flatnonzero(np.isfinite(five_F52).all((1, 2)))
    chosen = (
        known_N[np.unique(np.linspace(0, len(known_N) - 1, frames).round().astype(int))]
        if len(known_N)
        else []
    )
    pairs = [[embedder.embed(rgb[f], five_F52[f]) for rgb in (one_FHWC, other_FHWC)] for f in chosen]
    return np.array([float(one @ other) for one, other in pairs])
