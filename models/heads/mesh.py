"""Fits a head by MediaPipe's own networks without MediaPipe (models/faces/mesh.py), for real footage on any CPU.

Its points get a jaw that opens (models/heads/jaw.py). It knows no expressions: there are no numbers of any.
"""

import numpy as np

from models.faces.boxes import hull, square_around
from models.faces.mesh import MeshFaces
from models.heads.fit import Fit, Surface
from models.heads.oval import fit_of_clip, lips, oval

FACE = 1.8
"""Side of the face over the longer side of what holds the eyes and the mouth."""


class MeshHead:
    """Implements `HeadFit`."""

    def __init__(self, reference: str):
        self._faces = MeshFaces(reference)

    def fit(self, rgb_FHWC: np.ndarray, five_F52: np.ndarray) -> Fit:
        looks = [self._look(rgb, five) for rgb, five in zip(rgb_FHWC, five_F52, strict=True)]
        return fit_of_clip(np.stack(looks), np.zeros((len(looks), 0), np.float32))

    def face(self, fit: Fit, jaw: float, side: int) -> Surface:
        return oval(fit, jaw, side)

    def lips(self, fit: Fit, side: int) -> Surface:
        return lips(fit, side)

    def close(self) -> None:
        self._faces.close()

    def _look(self, rgb_HWC: np.ndarray, five_52: np.ndarray) -> np.ndarray:
        """Points as shares of the side; NaN where there is no face."""
        five_52 = np.asarray(five_52, np.float64)
        known = bool(np.isfinite(five_52).all())
        found = self._faces.mesh(rgb_HWC, square_around(hull(five_52), FACE)) if known else None
        return found[0] / rgb_HWC.shape[1] if found else np.full((self._faces.points, 3), np.nan)
