"""Tells who it is by ArcFace-like networks in ONNX, such as insightface's w600k_r50, or the mini one shipped here."""

import numpy as np

from models.faces.warp import inverse, similarity, warp
from models.weights.onnxfile import session
from models.weights.references import ModelError

SIDE = 112
TEMPLATE_52 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where ArcFace's networks expect the five points, the middle of the first pixel being (0, 0)."""


class ArcFaceEmbedder:
    """Implements `Embedder` with an ONNX file."""

    def __init__(self, reference: str):
        self._session, path = session(reference)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or inputs[0].shape[1:] != [3, SIDE, SIDE] or len(outputs[0].shape) != 2:
            raise ModelError(
                f"{path} is no ArcFace-like network: it takes {[one.shape for one in inputs]} and gives "
                f"{[one.shape for one in outputs]}, not (n, 3, {SIDE}, {SIDE}) and (n, size)"
            )
        self._names = inputs[0].name, outputs[0].name

    def embed(self, rgb_HWC: np.ndarray, five_52: np.ndarray) -> np.ndarray:
        """Returns a float32 unit vector."""
        crop_3HW = (aligned(rgb_HWC, five_52) - 127.5) / 127.5
        (vector_1D,) = self._session.run([self._names[1]], {self._names[0]: crop_3HW[None]})
        return vector_1D[0] / max(float(np.linalg.norm(vector_1D[0])), 1e-12)


def aligned(rgb_HWC: np.ndarray, five_52: np.ndarray) -> np.ndarray:
    """Brings a face to ArcFace's template: float32 (3, 112, 112), RGB 0..255."""
    to_crop_23 = similarity(five_52, TEMPLATE_52 + 0.5)
    return warp(rgb_HWC, inverse(to_crop_23), (SIDE, SIDE))
