"""Finds faces by an ONNX file with the outputs of OpenCV Zoo's YuNet: five points each, from ten pixels up.

It is quick and finds small faces, but knows nothing of the lips: `opening` is NaN here, and turning is
judged from where the nose lies between the eyes and the mouth: yaw is good to some degrees, pitch a guess.
"""

from collections.abc import Sequence

import numpy as np

from models.faces.boxes import Box, overlap, square_around
from models.faces.face import Face, Known, Shape, face_size
from models.faces.grid import MULTIPLE, OUTPUTS, Guess, decode
from models.faces.warp import scaling, warp
from models.weights.onnxfile import session
from models.weights.references import ModelError

LONGEST = 320
"""Pictures are shrunk (never enlarged) to this longer side, for files that take any size."""
CERTAIN = 0.6
MARGIN = 2.5
"""The crop in which a known face is sought again, over the longer side of its box."""
NOSE_DEPTH = 0.55
"""How far the tip of the nose stands out from the plane of eyes and mouth, over the distance of the eyes."""

NOD_TRUST = 0.3
"""Noses differ in height more than heads nod, so what a low nose says of pitch is taken with a pinch of salt."""


class YuNetFaces:
    """Implements `FaceBackend` with an ONNX file. Of the mouth it knows the corners alone."""

    mouth, steady = (3, 4), (0, 1, 2)

    def __init__(self, reference: str):
        self._session, path = session(reference)
        missing = set(OUTPUTS) - {output.name for output in self._session.get_outputs()}
        self._input = self._session.get_inputs()[0]
        if missing or len(self._input.shape) != 4:
            raise ModelError(
                f"{path} is not laid out as YuNet 2023mar: it lacks {', '.join(sorted(missing))}"
            )
        height, width = self._input.shape[2:]
        self._fixed = (width, height) if isinstance(height, int) and isinstance(width, int) else None

    def detect(self, rgb_HWC: np.ndarray, known: Sequence[Box] = ()) -> list[Face]:  # noqa: ARG002 - it looks at all
        height, width = rgb_HWC.shape[:2]
        return [Face(guess.box, guess.score) for guess in self._find(rgb_HWC, (0.0, 0.0, width, height))]

    def shape(self, rgb_HWC: np.ndarray, box: Box, known: Known | None = None) -> Shape | None:  # noqa: ARG002
        found = [
            (overlap(guess.box, box), guess) for guess in self._find(rgb_HWC, square_around(box, MARGIN))
        ]
        nearest, guess = max(found, key=lambda one: one[0], default=(0.0, None))
        return shape_of_five(guess.five_52, guess.score) if guess and nearest > 0 else None

    def close(self) -> None:
        """Does nothing: nothing is held but memory."""

    def _find(self, rgb_HWC: np.ndarray, window: Box) -> list[Guess]:
        longest = max(window[2:])
        fits = min(self._fixed) / longest if self._fixed else min(LONGEST / longest, 1.0)
        seen = max(round(window[2] * fits), 1), max(round(window[3] * fits), 1)
        width, height = self._fixed or (-side % MULTIPLE + side for side in seen)
        to_source_23 = scaling(1 / fits)
        to_source_23[:, 2] = window[:2]
        bgr_3HW = np.zeros((3, height, width), np.float32)
        bgr_3HW[:, : seen[1], : seen[0]] = warp(rgb_HWC, to_source_23, seen)[::-1]
        values = self._session.run(list(OUTPUTS), {self._input.name: bgr_3HW[None]})
        guesses = decode(dict(zip(OUTPUTS, values, strict=True)), width, height, CERTAIN)
        return [guess.moved(1 / fits, window[:2]) for guess in guesses]


def shape_of_five(five_52: np.ndarray, score: float) -> Shape:
    """Makes a shape of five points alone."""
    size = face_size(five_52)
    left, right = five_52[:2]
    along = (right - left) / max(float(np.linalg.norm(right - left)), 1e-6)
    down = np.array([-along[1], along[0]])
    eyes, mouth = five_52[:2].mean(0), five_52[3:].mean(0)
    apart = size / 2
    nose = five_52[2] - (eyes + mouth) / 2
    yaw, nod = (np.arcsin(np.clip(nose @ axis / apart / NOSE_DEPTH, -1, 1)) for axis in (along, -down))
    roll = np.arctan2(along[1], along[0])
    width = float(np.linalg.norm(five_52[4] - five_52[3])) / size
    yaw, pitch, roll = (float(np.degrees(angle)) for angle in (yaw, NOD_TRUST * nod, roll))
    return Shape(
        five_52.astype(np.float32), five_52.astype(np.float32), yaw, pitch, roll, np.nan, width, score
    )
