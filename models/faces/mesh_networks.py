"""Loads MediaPipe's detectors and mesh, wherever they lie, and tells them by what they answer.

A reference is one of

    FILE.tflite + FILE.tflite [+ ...]    a mesh and one or two detectors, in any order
    FOLDER, WHEEL or .task               what carries them
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.faces.blazeface import GRIDS
from models.faces.carrier import carried, read_bounded
from models.faces.tflite import SquareNet
from models.weights.references import ModelError, resolve
from models.weights.several import several

NAMES = (
    *("face_detection_full_range_sparse.tflite", "face_detection_short_range.tflite", "face_landmark.tflite"),
    *("face_detector.tflite", "face_landmarks_detector.tflite"),
)
"""What a wheel of MediaPipe calls them, and what a .task does."""
POINTS = (468, 478)
_NEEDED = (
    "{reference} holds {there}; for faces a BlazeFace detector and a mesh of 468 or 478 points are needed: give "
    "`DETECTOR.tflite + MESH.tflite` out of the wheel mediapipe==0.10.21, that wheel, or MediaPipe's face_landmarker.task"
)


@dataclass(frozen=True)
class Networks:
    far: SquareNet
    """The detector for whole pictures: the one that sees most of them at once."""
    near: SquareNet
    """The detector for a part in which a face is large: the quickest."""
    mesh: SquareNet


def load_networks(reference: str) -> Networks:
    """Loads what a reference names; one detector is both where there is no other."""
    networks = [one for part in several(reference) for one in _networks(resolve(part))]
    meshes = [one for one in networks if _is_mesh(one)]
    detectors = sorted((one for one in networks if _is_detector(one)), key=lambda one: one.side)
    if not detectors or not meshes:
        there = ", ".join(f"{one.name} ({one.sizes} numbers)" for one in networks) or "neither"
        raise ModelError(_NEEDED.format(reference=reference, there=there))
    return Networks(detectors[-1], detectors[0], meshes[0])


def _networks(path: Path) -> Iterator[SquareNet]:
    if path.suffix == ".tflite":
        yield SquareNet(read_bounded(path), str(path))
        return
    for name in NAMES:
        if (data := carried(path, name)) is not None:
            yield SquareNet(data, f"{name} in {path}")


def _is_detector(net: SquareNet) -> bool:
    anchors = max(net.sizes) // 16
    return anchors in GRIDS and sorted(net.sizes) == [anchors, 16 * anchors]


def _is_mesh(net: SquareNet) -> bool:
    return max(net.sizes) in [3 * points for points in POINTS] and 1 in net.sizes
