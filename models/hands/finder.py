"""Finds hands by MediaPipe's networks without MediaPipe: its finder of palms, then its mesh of a hand's 21 points.

As in MediaPipe, the mesh sees a square that is turned so that the fingers point up, 2.6 times as large as the palm and
half a palm farther towards the fingers. The finder alone takes faces for palms in pictures that a face fills, by up to
0.85; the mesh hardly does: of some 400 such pictures of seven people without a hand it was surer than 0.5 in three, and
its outline was then beside the face or at the mouth's edge. Hands that are sharp it knows by 0.8 and more; of a fist that
was filmed from afar it sees the tips of the fingers at most.

Needs ai-edge-litert, as models/faces/tflite.py does. A reference is `PALM.tflite + HAND.tflite`, in any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.faces.blazeface import Sighting, decode
from models.faces.boxes import square_around
from models.faces.carrier import read_bounded
from models.faces.tflite import SquareNet
from models.faces.warp import apply, scaling, turned_square, warp
from models.weights.references import ModelError, resolve
from models.weights.several import several

ANCHORS, NUMBERS = 2016, 18
POINTS = 21
PALM = 0.3
"""Least score of a palm that is looked at: lower than MediaPipe's 0.5, since the mesh has the last word."""
LARGER, FARTHER = 2.6, 0.5
"""Side of the mesh's square over the palm's longer side, and how far its middle is moved to the fingers."""
LOOKS = 2
"""Palms that are looked at, likeliest first."""
WRIST, MIDDLE = 0, 2
"""Points of a palm: the wrist, and where the middle finger begins."""


@dataclass(frozen=True)
class Hand:
    """A hand in a picture."""

    points_212: np.ndarray
    """Pixels: the wrist, then four points of each finger, the thumb first."""
    score: float
    """0..1 that there is one."""


class HandFinder:
    """Looks for hands in one picture at a time."""

    def __init__(self, reference: str):
        nets = [SquareNet(read_bounded(path), str(path)) for path in map(resolve, several(reference))]
        palms = [net for net in nets if sorted(net.sizes) == [ANCHORS, ANCHORS * NUMBERS]]
        meshes = [net for net in nets if sorted(net.sizes)[-1] == 3 * POINTS and 1 in net.sizes]
        if len(palms) != 1 or len(meshes) != 1:
            there = ", ".join(f"{net.name} ({net.sizes} numbers)" for net in nets) or "nothing"
            raise ModelError(
                f"{reference!r} is {there}; a finder of palms and a mesh of hands are needed: give "
                "`PALM.tflite + HAND.tflite`, as palm_detection_full and hand_landmark_lite of the wheel mediapipe==0.10.21"
            )
        (self._palms,), (self._mesh,) = palms, meshes

    def find(self, rgb_HWC: np.ndarray, least: float) -> list[Hand]:
        """Returns the hands that are likelier than `least`, likeliest first."""
        seen = [self._look(rgb_HWC, palm) for palm in self._sightings(rgb_HWC)[:LOOKS]]
        return sorted((hand for hand in seen if hand.score >= least), key=lambda hand: -hand.score)

    def _sightings(self, rgb_HWC: np.ndarray) -> list[Sighting]:
        height, width = rgb_HWC.shape[:2]
        left, top, length, _ = square_around((0, 0, width, height), 1.0)
        side = self._palms.side
        to_picture_23 = scaling(length / side)
        to_picture_23[:, 2] = left, top
        crop_3HW = warp(rgb_HWC, to_picture_23, (side, side))
        logits_N, guesses = sorted(self._palms(crop_3HW.transpose(1, 2, 0) / 255), key=len)
        found = decode(guesses.reshape(-1, NUMBERS), logits_N, side, PALM)
        return [palm.moved(length / side, (left, top)) for palm in found]

    def _look(self, rgb_HWC: np.ndarray, palm: Sighting) -> Hand:
        to_picture_23 = fingers_up(palm, self._mesh.side)
        crop_3HW = warp(rgb_HWC, to_picture_23, (self._mesh.side,) * 2)
        answers: Sequence[np.ndarray] = self._mesh(crop_3HW.transpose(1, 2, 0) / 255)
        # Of the two lone numbers the first is whether there is a hand, the second whether it is a right one; of the two
        # sets of points the first is in pixels.
        score = next(float(answer[0]) for answer in answers if len(answer) == 1)
        points_K3 = next(answer for answer in answers if len(answer) == 3 * POINTS).reshape(POINTS, 3)
        if not np.isfinite(points_K3).all() or not np.isfinite(score):
            return Hand(np.zeros((POINTS, 2)), 0.0)
        return Hand(apply(to_picture_23, points_K3[:, :2].astype(np.float64)), score)


def fingers_up(palm: Sighting, side: int) -> np.ndarray:
    """Returns the map from the mesh's input to the picture."""
    (left, top, wide, high), longest = palm.box, max(palm.box[2:])
    right, down = palm.points_P2[MIDDLE] - palm.points_P2[WRIST]
    leans = float(np.arctan2(right, -down))
    x = left + wide / 2 + FARTHER * longest * np.sin(leans)
    y = top + high / 2 - FARTHER * longest * np.cos(leans)
    return turned_square((float(x), float(y)), LARGER * longest, float(np.degrees(leans)), side)
