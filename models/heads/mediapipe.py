"""Fits a head by MediaPipe's FaceLandmarker, for real footage.

Its points get a jaw that opens (models/heads/jaw.py). Needs the extra `redub[mediapipe]`; the model file is Apache-2.0 and
asks for no signature.
"""

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

from models.faces.boxes import hull, overlap
from models.faces.native_output import without_native_output
from models.heads.fit import Fit, Surface, TrackedFace
from models.heads.oval import fit_of_clip, lips, oval
from models.weights.references import ModelError, resolve

FACES, POINTS, BLENDSHAPES = 2, 478, 52


class MediaPipeHead:
    """Implements `HeadFit` with MediaPipe."""

    looks = True

    def __init__(self, reference: str):
        path = resolve(reference)
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(path)),
            running_mode=vision.RunningMode.IMAGE,
            num_faces=FACES,
            output_face_blendshapes=True,
        )
        with without_native_output():
            try:
                self._landmarker = vision.FaceLandmarker.create_from_options(options)
                self._look(np.zeros((128, 128, 3), np.uint8), np.zeros((5, 2)))
            except (RuntimeError, ValueError) as error:
                raise ModelError(f"{path} is not a FaceLandmarker .task file: {error}") from error

    def fit(self, face: TrackedFace) -> Fit:
        looks = [self._look(rgb, five) for rgb, five in zip(face.rgb_FHWC, face.five_F52, strict=True)]
        points_FP3, expression_FE = (np.stack([look[n] for look in looks]) for n in range(2))
        return fit_of_clip(points_FP3, expression_FE)

    def face(self, fit: Fit, jaw: float, side: int) -> Surface:
        return oval(fit, jaw, side)

    def lips(self, fit: Fit, side: int) -> Surface:
        return lips(fit, side)

    def close(self) -> None:
        """Frees the landmarker.

        Call it before the interpreter ends: its own destructor complains when it comes that late.
        """
        self._landmarker.close()

    def _look(self, rgb_HWC: np.ndarray, five_52: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points as shares of the side and blendshapes of the face that was meant; NaN where there is none."""
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(rgb_HWC))
        found = self._landmarker.detect(picture)
        faces = [np.array([(p.x, p.y, p.z) for p in face]) for face in found.face_landmarks]
        side = rgb_HWC.shape[1]
        near = [(overlap(hull(face[:, :2] * side), hull(five_52)), n) for n, face in enumerate(faces)]
        best, chosen = max(near, default=(0.0, 0))
        if not best > 0:
            return np.full((POINTS, 3), np.nan), np.full(BLENDSHAPES, np.nan)
        return faces[chosen], np.array([shape.score for shape in found.face_blendshapes[chosen]])
