"""Fits a head to the points of MediaPipe's mesh that the tracker has seen: it needs no model, and looks at no picture.

The points get a jaw that opens (models/heads/jaw.py). It knows no expressions: there are no numbers of any.
"""

import numpy as np

from models.heads.fit import Fit, Surface, TrackedFace
from models.heads.oval import fit_of_clip, lips, oval


class MeshHead:
    """Implements `HeadFit`."""

    looks = False

    def fit(self, face: TrackedFace) -> Fit:
        if face.mesh_FK3 is None:
            raise ValueError("its track has no mesh in three dimensions; ingest it again with face=mesh")
        return fit_of_clip(face.mesh_FK3, np.zeros((len(face.mesh_FK3), 0), np.float32))

    def face(self, fit: Fit, jaw: float, side: int) -> Surface:
        return oval(fit, jaw, side)

    def lips(self, fit: Fit, side: int) -> Surface:
        return lips(fit, side)

    def close(self) -> None:
        """Does nothing: nothing is held but memory."""
