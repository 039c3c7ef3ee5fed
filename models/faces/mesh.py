"""Finds faces by MediaPipe's own networks without MediaPipe: its detector, then its mesh of 468 or 478 points.

For real footage on any CPU: no OpenGL, no display. As there, the mesh sees a square that is turned upright and half
as large again as the face. The mesh draws a face into any square that has a part of one, and is sure of it, so the
detector has to see one there, too, but for moments in which a face that is followed has hardly moved. What a reference
to them may be says models/faces/mesh_networks.py.
"""

from collections.abc import Sequence

import numpy as np

from models.faces.blazeface import Sighting, decode
from models.faces.boxes import Box, distinct, hull, overlap, square_around
from models.faces.face import Face, Known, Shape
from models.faces.landmarks478 import INNER_RING, OUTER_LIPS, RIGID
from models.faces.mesh_networks import load_networks
from models.faces.mesh_shape import shape_of_mesh, tilt_of_mesh
from models.faces.squares import edged, squares
from models.faces.tflite import SquareNet
from models.faces.warp import apply, scaling, turned_square, warp

CERTAIN = 0.5
"""Of the detector and of the mesh, as in MediaPipe."""
SEES = {2304: (0.08, (0.75,)), 896: (0.15, (1.0, 0.5))}
"""Anchors -> the least share of its square that a face must fill to be seen, measured on real faces; and the sides of
the squares in which smaller ones are sought, as shares of the picture's shorter side."""
MARGIN = 1.5
"""Side of the square for the mesh over the longer side of the face."""
SEARCH = 2.0
"""Side of the square in which a known face is sought, over the longer side of its box."""
SAME = 0.5
"""A face that the detector finds is a known one if their boxes overlap by more."""
STILL = 0.7
"""A face that is not sought anew overlaps its box of a moment ago by more."""
LOOKS, UPRIGHT, CENTRED = 3, 8.0, 0.65
"""Looks at most, and the degrees and overlap with the square of what was found at which a look is the last."""

Mesh = tuple[np.ndarray, float]
"""Points (K, 3) in pixels of the picture, and how likely it is that there is a face."""


class MeshFaces:
    """Implements `FaceBackend`."""

    mouth, steady = (*OUTER_LIPS, *INNER_RING), RIGID

    def __init__(self, reference: str):
        self._nets = load_networks(reference)
        self._sees = SEES[max(self._nets.far.sizes) // 16]
        self.points = max(self._nets.mesh.sizes) // 3
        """How many the mesh has."""

    def detect(self, rgb_HWC: np.ndarray, known: Sequence[Box] = ()) -> list[Face]:
        """Finds what the detector takes for a face and the mesh, which sees it larger, does too."""
        (height, width), (small, levels) = rgb_HWC.shape[:2], self._sees
        seen = float(max(height, width))
        found = self._faces(rgb_HWC, square_around((0, 0, width, height), 1.0), known)
        for level in levels:
            if found and max(max(box[2:]) for box in found) >= small * seen:
                break
            seen = level * min(height, width)
            for square in squares(width, height, seen):
                found |= self._faces(rgb_HWC, square, known)
        return [Face(box, found[box]) for box in distinct(list(found))]

    def shape(self, rgb_HWC: np.ndarray, box: Box, known: Known | None = None) -> Shape | None:
        seek = known is None or known.seek
        seen = self._seen(rgb_HWC, box) if seek else None
        if seek and seen is None:
            return None
        mesh = known and self._still_there(rgb_HWC, known.shape)
        if mesh is None and (seen := seen or self._seen(rgb_HWC, box)):
            mesh = self._follow(rgb_HWC, seen.box, seen.roll)
        return shape_of_mesh(*mesh) if mesh else None

    def _still_there(self, rgb_HWC: np.ndarray, before: Shape) -> Mesh | None:
        """The mesh drawn from where the face was, if it lies there still."""
        box = hull(before.points_K2)
        mesh = self._follow(rgb_HWC, box, tilt_of_mesh(before.points_K2))
        return mesh if mesh and overlap(hull(mesh[0][:, :2]), box) > STILL else None

    def _seen(self, rgb_HWC: np.ndarray, box: Box) -> Sighting | None:
        """What the detector takes for the face near `box`."""
        nearby = self._sightings(self._nets.near, rgb_HWC, square_around(box, SEARCH))
        near, best = max(((overlap(one.box, box), n) for n, one in enumerate(nearby)), default=(0.0, 0))
        return nearby[best] if near > 0 else None

    def _sightings(self, detector: SquareNet, rgb_HWC: np.ndarray, square: Box) -> list[Sighting]:
        """What the detector alone takes for faces in a square; beyond the picture it sees black."""
        scale = square[2] / detector.side
        to_picture_23 = scaling(scale)
        to_picture_23[:, 2] = square[:2]
        crop_3HW = warp(rgb_HWC, to_picture_23, (detector.side, detector.side))
        guesses, logits_N = sorted(detector(crop_3HW.transpose(1, 2, 0) / 127.5 - 1), key=len, reverse=True)
        found = decode(guesses.reshape(-1, 16), logits_N, detector.side, CERTAIN)
        return [sighting.moved(scale, square[:2]) for sighting in found]

    def close(self) -> None:
        """Does nothing: nothing is held but memory."""

    def _faces(self, rgb_HWC: np.ndarray, square: Box, known: Sequence[Box]) -> dict[Box, float]:
        found = {}
        for one in self._sightings(self._nets.far, rgb_HWC, square):
            near = max(known, key=lambda box: overlap(box, one.box), default=one.box)
            if near in known and overlap(near, one.box) > SAME:
                found[near] = one.score
            elif mesh := self._follow(rgb_HWC, one.box, one.roll):
                found[hull(mesh[0][:, :2])] = mesh[1]
        return found

    def _follow(self, rgb_HWC: np.ndarray, box: Box, tilt: float) -> Mesh | None:
        """Looks once, and again where the box was off or the head leans: a followed face rarely needs it."""
        for _ in range(LOOKS):
            mesh = self._look(rgb_HWC, box, tilt)
            if mesh is None:
                return None
            here, leans = hull(mesh[0][:, :2]), tilt_of_mesh(mesh[0])
            if (
                abs(leans - tilt) < UPRIGHT
                and overlap(square_around(here, 1), square_around(box, 1)) > CENTRED
            ):
                break
            box, tilt = here, leans
        return mesh

    def _look(self, rgb_HWC: np.ndarray, box: Box, tilt: float) -> Mesh | None:
        left, top, side, _ = square_around(box, MARGIN)
        rgb_HWC, corner = edged(rgb_HWC, square_around(box, MARGIN * np.sqrt(2)))
        middle = left + side / 2 - corner[0], top + side / 2 - corner[1]
        to_picture_23 = turned_square(middle, side, tilt, self._nets.mesh.side)
        crop_3HW = warp(rgb_HWC, to_picture_23, (self._nets.mesh.side,) * 2)
        answers = self._nets.mesh(crop_3HW.transpose(1, 2, 0) / 255)
        logit = next(float(answer[0]) for answer in answers if len(answer) == 1)
        score = float(1 / (1 + np.exp(-np.clip(logit, -50, 50))))
        points_K3 = max(answers, key=len).reshape(-1, 3).astype(np.float64)
        if score < CERTAIN or not np.isfinite(points_K3).all():
            return None
        points_K2 = apply(to_picture_23, points_K3[:, :2]) + corner
        return np.column_stack([points_K2, points_K3[:, 2] * side / self._nets.mesh.side]), score
