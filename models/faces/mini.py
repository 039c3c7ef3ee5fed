"""Finds faces by two small networks that this project trains on its own procedural world, and ships.

For footage of that world only: real faces need `mediapipe` or `yunet`.
"""

import json
from collections.abc import Sequence

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from models.faces.boxes import Box, hull, overlap, square_around
from models.faces.face import Face, Known, Shape, face_size
from models.faces.grid import MULTIPLE, Guess, decode, distinct_guesses
from models.faces.nets import CROP, Detector, Landmarker
from models.faces.warp import apply, scaling, turned_square, warp
from models.weights.references import ModelError, resolve

DETECTOR_SIDES = (160, 320)
"""Pixels of the longer side that the detector sees: more only where it found nothing, and there is more."""
CERTAIN = 0.5
PRESENT = 0.99
"""The landmark network must be surer of a face that is new than (CERTAIN) of one that is followed."""
MARGIN = 1.4
"""Side of the crop for the landmarks over the longer side of the box."""
UPRIGHT, CENTRED = 6.0, 0.75
"""Degrees of roll, and overlap of the crop with the one it should have been, at which one look will do."""
FIVE = ("left_eye", "right_eye", "nose_tip", "mouth_left", "mouth_right")
LIPS = ("upper_inner", "lower_inner")
MOUTH = ("upper_", "lower_", "mouth_")
"""How the names of the mouth's points begin."""
STEADY = (
    *("left_eye", "left_eye_outer", "left_eye_inner", "right_eye", "right_eye_outer", "right_eye_inner"),
    *("nose_bridge", "nose_middle", "nose_tip", "forehead"),
)


class MiniFaces:
    """Implements `FaceBackend`. Runs on one thread, as workers are one to a core."""

    def __init__(self, reference: str):
        torch.set_num_threads(1)
        path = resolve(reference)
        try:
            with safe_open(path, "pt") as stored:
                self.names = tuple(json.loads(stored.metadata()["about"])["landmarks"])
                weights = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
            self.five, self.lips, self.steady = (
                [self.names.index(name) for name in names] for names in (FIVE, LIPS, STEADY)
            )
            self.mouth = [n for n, name in enumerate(self.names) if name.startswith(MOUTH)]
            self.detector, self.landmarker = Detector(), Landmarker(len(self.names))
            for prefix, net in (("detector.", self.detector), ("landmarker.", self.landmarker)):
                net.load_state_dict(part(weights, prefix))
        except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelError(_REFUSAL.format(path=path, error=error)) from error
        for net in (self.detector, self.landmarker):
            net.eval().to(memory_format=torch.channels_last)  # a little quicker on CPUs

    def detect(self, rgb_HWC: np.ndarray, known: Sequence[Box] = ()) -> list[Face]:  # noqa: ARG002 - it looks at all
        """Finds what the detector takes for a face and the landmark network, which sees it larger, does too."""
        sure: list[Guess] = []
        for longest in DETECTOR_SIDES:
            first = [(guess, self._look(rgb_HWC, guess.box, 0.0)) for guess in self.guesses(rgb_HWC, longest)]
            seen = [(guess, self._again(rgb_HWC, shape)) for guess, shape in first if shape]
            new = [(guess, shape) for guess, shape in seen if shape and shape.score >= PRESENT]
            sure = [Guess(hull(shape.points_K2), shape.five_52, guess.score) for guess, shape in new]
            if sure or max(rgb_HWC.shape) <= longest:
                break
        return [Face(guess.box, guess.score) for guess in distinct_guesses(sure)]

    def guesses(self, rgb_HWC: np.ndarray, longest: int = DETECTOR_SIDES[0]) -> list[Guess]:
        """Returns what the detector alone takes for faces."""
        bgr_3HW, shrink = detector_input(rgb_HWC, longest)
        with torch.inference_mode():
            outputs = self.detector(torch.from_numpy(bgr_3HW)[None])
        height, width = bgr_3HW.shape[1:]
        found = decode({name: value.numpy() for name, value in outputs.items()}, width, height, CERTAIN)
        return [guess.moved(shrink, (0.0, 0.0)) for guess in found]

    def shape(self, rgb_HWC: np.ndarray, box: Box, known: Known | None = None) -> Shape | None:  # noqa: ARG002
        """Looks once, and again where the box was off or the head leans: a followed face rarely needs it."""
        first = self._look(rgb_HWC, box, 0.0)
        if first is None or (abs(first.roll) < UPRIGHT and _same_square(hull(first.points_K2), box)):
            return first
        return self._again(rgb_HWC, first)

    def _again(self, rgb_HWC: np.ndarray, first: Shape) -> Shape | None:
        """In a crop that is centred, sized and turned by what the first one showed."""
        return self._look(rgb_HWC, hull(first.points_K2), first.roll)

    def close(self) -> None:
        """Does nothing: nothing is held but memory."""

    def _look(self, rgb_HWC: np.ndarray, box: Box, tilt: float) -> Shape | None:
        to_picture_23 = crop_map(box, tilt)
        crop_3HW = torch.from_numpy(warp(rgb_HWC, to_picture_23, (CROP, CROP)))
        with torch.inference_mode():
            points_1K2, logit_1, angles_13 = self.landmarker(crop_3HW[None])
        score = float(logit_1.sigmoid())
        if score < CERTAIN:
            return None
        points_K2 = apply(to_picture_23, points_1K2[0].numpy()).astype(np.float32)
        yaw, pitch, roll = np.degrees(angles_13[0].numpy()).tolist()
        five_52 = points_K2[self.five]
        size = face_size(five_52)
        gap, width = (float(np.linalg.norm(a - b)) / size for a, b in (points_K2[self.lips], five_52[3:]))
        return Shape(points_K2, five_52, yaw, pitch, roll + tilt, gap, width, score)


_REFUSAL = (
    "{path} does not hold the mini face networks: {error}; `python -m models.mini.face` makes them anew"
)


def part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Returns the weights whose names begin with `prefix`, without it."""
    return {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}


def _same_square(one: Box, other: Box) -> bool:
    return overlap(square_around(one, 1.0), square_around(other, 1.0)) > CENTRED


def crop_map(box: Box, tilt: float) -> np.ndarray:
    """Returns the map from the crop for the landmarks to the picture."""
    left, top, side, _ = square_around(box, MARGIN)
    return turned_square((left + side / 2, top + side / 2), side, tilt, CROP)


def detector_input(rgb_HWC: np.ndarray, longest: int) -> tuple[np.ndarray, float]:
    """Shrinks a picture for the detector, and returns by how much as well."""
    height, width = rgb_HWC.shape[:2]
    shrink = max(height, width) / longest
    seen = max(round(width / shrink), 1), max(round(height / shrink), 1)
    bgr_3HW = np.zeros((3, *(-side % MULTIPLE + side for side in seen[::-1])), np.float32)
    bgr_3HW[:, : seen[1], : seen[0]] = warp(rgb_HWC, scaling(shrink), seen)[::-1]
    return bgr_3HW, shrink
