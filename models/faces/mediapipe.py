"""Finds faces by MediaPipe's FaceLandmarker: 478 points, for real footage. Needs the extra `redub[mediapipe]`.

Its detector sees 128x128 pixels, whatever it is given, so a face that is small in the picture is missed:
the picture is searched again in overlapping squares, and landmarks are always taken from a crop.
"""

from collections.abc import Sequence
from dataclasses import replace

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

from models.faces.boxes import Box, crop, distinct, hull, overlap, square_around
from models.faces.face import Face, Known, Shape
from models.faces.landmarks478 import INNER_RING, OUTER_LIPS, RIGID
from models.faces.mesh_shape import angles_of_turn, shape_of_mesh
from models.faces.native_output import without_native_output
from models.faces.squares import squares
from models.weights.references import ModelError, resolve

SMALL = 0.3
"""A face below this share of the square it was searched in may have smaller neighbours nobody saw."""
LEVELS = (1.0, 0.5)
"""Sides of the squares, as shares of the picture's shorter side."""
MARGIN = 2.0
"""Side of the crop for the landmarks over the longer side of the box: what its detector was trained on."""


class MediaPipeFaces:
    """Implements `FaceBackend`. It reports no score of its own: a face it gives has passed its thresholds."""

    mouth, steady = (*OUTER_LIPS, *INNER_RING), RIGID

    def __init__(self, reference: str):
        path = resolve(reference)
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(path)),
            running_mode=vision.RunningMode.IMAGE,
            num_faces=4,
            output_facial_transformation_matrixes=True,
        )
        with without_native_output():
            try:
                self._landmarker = vision.FaceLandmarker.create_from_options(options)
                self._find(np.zeros((128, 128, 3), np.uint8))
            except (RuntimeError, ValueError) as error:
                raise ModelError(f"{path} is not a FaceLandmarker .task file: {error}") from error

    def detect(self, rgb_HWC: np.ndarray, known: Sequence[Box] = ()) -> list[Face]:  # noqa: ARG002 - it looks at all
        found = [hull(points[:, :2]) for points, _ in self._find(rgb_HWC)]
        height, width = rgb_HWC.shape[:2]
        seen = float(max(height, width))
        for level in LEVELS:
            if found and max(max(box[2:]) for box in found) >= SMALL * seen:
                break
            seen = level * min(height, width)
            for square in squares(width, height, seen):
                found += [hull(points[:, :2]) for points, _ in self._find(rgb_HWC, square)]
        return [Face(box, 1.0) for box in distinct(found)]

    def shape(self, rgb_HWC: np.ndarray, box: Box, known: Known | None = None) -> Shape | None:  # noqa: ARG002
        found = self._find(rgb_HWC, square_around(box, MARGIN))
        near = [(overlap(hull(points[:, :2]), box), n) for n, (points, _) in enumerate(found)]
        best, chosen = max(near, default=(0.0, 0))
        return _shape(*found[chosen]) if best > 0 else None

    def close(self) -> None:
        """Frees the landmarker.

        Call it before the interpreter ends: its own destructor complains when it comes that late.
        """
        self._landmarker.close()

    def _find(self, rgb_HWC: np.ndarray, square: Box | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
        """Points (K, 3) in pixels of the picture, and the head's matrix, of every face in the square."""
        part = np.ascontiguousarray(crop(rgb_HWC, square) if square else rgb_HWC)
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=part)
        result = self._landmarker.detect(picture)
        corner = (*np.round(square[:2]), 0) if square else np.zeros(3)
        size = part.shape[1], part.shape[0], part.shape[1]
        points = [np.array([(p.x, p.y, p.z) for p in face]) * size + corner for face in result.face_landmarks]
        return list(zip(points, result.facial_transformation_matrixes, strict=True))


def _shape(points_K3: np.ndarray, matrix_44: np.ndarray) -> Shape:
    yaw, pitch, roll = angles_of_turn(np.asarray(matrix_44)[:3, :3])
    return replace(shape_of_mesh(points_K3, 1.0), yaw=yaw, pitch=pitch, roll=roll)
