"""Finds faces by MediaPipe's FaceLandmarker: 478 points, for real footage. Needs the extra `redub[real]`.

Its detector sees 128x128 pixels, whatever it is given, so a face that is small in the picture is missed:
the picture is searched again in overlapping squares, and landmarks are always taken from a crop.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

from models.faces.boxes import Box, crop, distinct, hull, overlap, square_around
from models.faces.face import Face, Shape, face_size
from models.faces.landmarks478 import INNER_RING, OUTER_LIPS, RIGID
from models.weights.references import ModelError, resolve

EYES, NOSE, CORNERS, INNER_LIPS = ((33, 133), (362, 263)), 1, (61, 291), (13, 14)
"""Points of the mesh: the corners of either eye (the iris would follow the gaze), and so on."""
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

    def detect(self, rgb_HWC: np.ndarray) -> list[Face]:
        found = [hull(points) for points, _ in self._find(rgb_HWC)]
        height, width = rgb_HWC.shape[:2]
        seen = float(max(height, width))
        for level in LEVELS:
            if found and max(max(box[2:]) for box in found) >= SMALL * seen:
                break
            seen = level * min(height, width)
            for square in squares(width, height, seen):
                found += [hull(points) for points, _ in self._find(rgb_HWC, square)]
        return [Face(box, 1.0) for box in distinct(found)]

    def shape(self, rgb_HWC: np.ndarray, box: Box) -> Shape | None:
        found = self._find(rgb_HWC, square_around(box, MARGIN))
        near = [(overlap(hull(points), box), n) for n, (points, _) in enumerate(found)]
        best, chosen = max(near, default=(0.0, 0))
        return _shape(*found[chosen]) if best > 0 else None

    def close(self) -> None:
        """Frees the landmarker.

        Call it before the interpreter ends: its own destructor complains when it comes that late.
        """
        self._landmarker.close()

    def _find(self, rgb_HWC: np.ndarray, square: Box | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
        """Points in pixels of the picture, and the head's matrix, of every face in the square."""
        part = np.ascontiguousarray(crop(rgb_HWC, square) if square else rgb_HWC)
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=part)
        result = self._landmarker.detect(picture)
        corner = np.round(square[:2]) if square else np.zeros(2)
        size = part.shape[1], part.shape[0]
        points = [np.array([(p.x, p.y) for p in face]) * size + corner for face in result.face_landmarks]
        return list(zip(points, result.facial_transformation_matrixes, strict=True))


def squares(width: int, height: int, side: float) -> Iterator[Box]:
    """Yields squares that cover the picture, each overlapping the next by at least half: a face is whole in one of them."""
    columns, rows = (int(np.ceil(2 * (length - side) / side)) + 1 for length in (width, height))
    for y in np.linspace(0, height - side, rows):
        for x in np.linspace(0, width - side, columns):
            yield float(x), float(y), side, side


def _shape(points_K2: np.ndarray, matrix_44: np.ndarray) -> Shape:
    eyes = [points_K2[list(corners)].mean(0) for corners in EYES]
    five_52 = np.stack([*eyes, points_K2[NOSE], *points_K2[list(CORNERS)]]).astype(np.float32)
    size = face_size(five_52)
    gap, width = (
        float(np.linalg.norm(np.diff(points_K2[list(two)], axis=0))) for two in (INNER_LIPS, CORNERS)
    )
    yaw, pitch, roll = _angles(np.asarray(matrix_44)[:3, :3])
    return Shape(points_K2.astype(np.float32), five_52, yaw, pitch, roll, gap / size, width / size, 1.0)


def _angles(rotation_33: np.ndarray) -> tuple[float, float, float]:
    """Its axes: x to the right, y up, z to the camera; a face at rest looks along z. Nods first, rolls last."""
    down, right = (
        np.arctan2(rotation_33[2, 1], rotation_33[2, 2]),
        np.arcsin(np.clip(-rotation_33[2, 0], -1, 1)),
    )
    anticlockwise = np.arctan2(rotation_33[1, 0], rotation_33[0, 0])
    return float(np.degrees(right)), float(np.degrees(-down)), float(np.degrees(-anticlockwise))


@contextmanager
def without_native_output() -> Iterator[None]:
    """Keeps MediaPipe's C++ from writing notes about delegates to file descriptor 2, which no setting stops."""
    with tempfile.TemporaryFile() as aside:
        kept = os.dup(2)
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
