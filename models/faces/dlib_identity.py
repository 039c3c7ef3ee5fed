"""Tells who it is by dlib's face recognition network, run by torch: 128 numbers, weights given to the public domain.

dlib compares by distance, and 0.6 is its limit. All vectors are about 1.5 long and have much in common, so as cosines
strangers begin below 0.92, and `SAME` lies between: limits for ArcFace are far too low for it. Measured on frames of ten
real clips of nine people (docs/pair-scores.md): one man in two videos 0.980 and more, one person within a clip 0.963 and
more, a hand before the mouth included, two people 0.911 and less.
"""

import numpy as np
import torch

from models.faces.dlib_net import SIDE, load_dlib_net
from models.faces.warp import inverse, similarity, warp
from models.weights.references import resolve

TEMPLATE_52 = np.array([[47.6, 47.8], [100.4, 47.8], [74.0, 78.5], [52.6, 106.5], [95.1, 106.5]])
"""Where the five points lie in the picture that dlib cuts out by its own five (corners of the eyes, base of the nose).

The eyes as dlib has them; nose and mouth as they were found there, on average over nine people.
"""
SAME = 0.93
"""Cosine from which on two faces are one person's; the distance is 0.56."""


class DlibEmbedder:
    """Implements `Embedder`. Runs on one thread, as workers are one to a core."""

    def __init__(self, reference: str):
        torch.set_num_threads(1)
        self._net = load_dlib_net(resolve(reference))

    def embed(self, rgb_HWC: np.ndarray, five_52: np.ndarray) -> np.ndarray:
        """Returns a float32 unit vector."""
        with torch.inference_mode():
            vector_D = self._net(torch.from_numpy(chip(rgb_HWC, five_52))[None])[0].numpy()
        return vector_D / max(float(np.linalg.norm(vector_D)), 1e-12)


def chip(rgb_HWC: np.ndarray, five_52: np.ndarray) -> np.ndarray:
    """Brings a face to where the network expects it: float32 (3, 150, 150), RGB 0..255."""
    to_chip_23 = similarity(five_52, TEMPLATE_52)
    return warp(rgb_HWC, inverse(to_chip_23), (SIDE, SIDE))
