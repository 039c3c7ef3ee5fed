"""Measures the mini face back-end on people it has never seen; the truth is the world's own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.faces.boxes import Box, overlap
from models.faces.face import FaceBackend, Shape, face_centre, face_size
from models.faces.mini import MiniFaces
from models.mini.world_pictures import Shot, make_empty_room, make_shot

CROP = 1.85
"""Side of the square that is cut out of a source, over the size of its face."""
FLOORS: dict[str, float | tuple[float | None, float | None]] = {
    "found": 0.98,
    "found_occluded": 0.95,
    "crop_iou": 0.9,
    "landmarks": (None, 0.02),
    "angles_degrees": (None, 4.0),
    "false_positives": (None, 0.01),
}
"""The least that will do, or the least and the most."""
SIZES = {"close": (128, 128), "bust": (256, 144), "far": (256, 144)}


@dataclass(frozen=True)
class JudgedFace:
    """What became of one face."""

    occluded: bool
    iou: float
    off: float
    """Mean distance of the landmarks over the size of the face; NaN where none was found."""
    off_visible: float
    turned: float
    """Mean error of the three angles, degrees."""


def measure(reference: str, people: int, seed: int = 77) -> dict[str, float]:
    """Measures the back-end on that many strangers, each in every framing, and on as many empty rooms."""
    return judge(MiniFaces(reference), *strangers_and_rooms(seed, people))


def strangers_and_rooms(seed: int, people: int, frames: int = 2) -> tuple[list[Shot], list[Shot]]:
    """Makes pictures of strangers in all framings, and of empty rooms."""
    shots = [make_shot(seed, p, frames, f, SIZES[f]) for p in range(people) for f in SIZES]
    return shots, [make_empty_room(seed, p, frames, SIZES["bust"]) for p in range(people)]


def square(five_52: np.ndarray) -> Box:
    """Returns the square that a rebuild would cut out round five points."""
    (x, y), side = face_centre(five_52), CROP * face_size(five_52)
    return float(x - side / 2), float(y - side / 2), side, side


def judged_faces(faces: FaceBackend, shots: Sequence[Shot]) -> list[JudgedFace]:
    """Runs a back-end over every frame, and returns what became of each face."""
    return [_look(faces, shot, frame) for shot in shots for frame in range(shot.frames)]


def _look(faces: FaceBackend, shot: Shot, frame: int) -> JudgedFace:
    rgb_HWC, five_52 = shot.rgb_FHWC[frame], shot.five_F52[frame]
    shapes = [faces.shape(rgb_HWC, face.box) for face in faces.detect(rgb_HWC)]
    near = [(overlap(square(shape.five_52), square(five_52)), n) for n, shape in enumerate(shapes) if shape]
    iou, best = max(near, default=(0.0, -1))
    shape = shapes[best] if near else None
    if not isinstance(shape, Shape):
        return JudgedFace(shot.occluder is not None, 0.0, np.nan, np.nan, np.nan)
    off_L = np.linalg.norm(shape.points_K2 - shot.points_FL2[frame], axis=1) / face_size(five_52)
    visible_L = shot.visible_FL[frame]
    turned_3 = np.abs(np.array([shape.yaw, shape.pitch, shape.roll]) - shot.angles_F3[frame])
    off_visible = float(off_L[visible_L].mean()) if visible_L.any() else np.nan
    return JudgedFace(
        shot.occluder is not None, iou, float(off_L.mean()), off_visible, float(turned_3.mean())
    )


def judge(faces: FaceBackend, shots: Sequence[Shot], empty: Sequence[Shot]) -> dict[str, float]:
    """Returns means over all faces; one that was missed counts as an IoU of 0. Bare: with nothing in front of it."""
    seen = judged_faces(faces, shots)
    alarms = [bool(faces.detect(rgb_HWC)) for shot in empty for rgb_HWC in shot.rgb_FHWC]
    numbers: dict[str, float | np.floating] = {
        "faces": len(seen),
        "found": np.mean([one.iou > 0.5 for one in seen]),
        "found_occluded": np.mean([one.iou > 0.5 for one in seen if one.occluded]),
        "crop_iou": np.mean([one.iou for one in seen]),
        "landmarks": np.nanmean([one.off for one in seen]),
        "landmarks_bare": np.nanmean([one.off for one in seen if not one.occluded]),
        "landmarks_visible": np.nanmean([one.off_visible for one in seen]),
        "angles_degrees": np.nanmean([one.turned for one in seen]),
        "empty": len(alarms),
        "false_positives": np.mean(alarms),
    }
    return {name: round(float(value), 4) for name, value in numbers.items()}
