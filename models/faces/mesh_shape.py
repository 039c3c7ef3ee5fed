"""Reads off MediaPipe's mesh of a face how it is turned, and the five points and measures that all back-ends share.

A mesh's points are in pixels, x to the right, y down, z away from the camera and as large as x.
"""

import numpy as np

from models.faces.face import Shape, face_size
from models.faces.landmarks478 import INNER_LIPS, NOSE

EYES, CORNERS = ((33, 133), (362, 263)), (61, 291)
"""The corners of either eye (the iris would follow the gaze), and of the mouth."""
BONE = (10, 234, 454, 33, 263, 168, 6, NOSE)
"""Forehead, before the ears, outer corners of the eyes, ridge and tip of the nose."""
STRAIGHT_83 = np.array(
    [
        *(
            [0, 0.421, 0.119],
            [-0.5, -0.117, -0.389],
            [0.5, -0.117, -0.389],
            [-0.329, 0.018, 0],
            [0.329, 0.018, 0],
        ),
        *([0, 0.054, 0.158], [0, -0.003, 0.19], [0, -0.274, 0.311]),
    ]
)
"""Where these lie on a face that looks straight ahead: x right, y up, z to the camera, one wide before the ears.

The mean of what the mesh draws for nine people, turned back by the angles that MediaPipe itself gives them.
"""


def shape_of_mesh(points_K3: np.ndarray, score: float) -> Shape:
    """Makes a shape of the 468 or 478 points of one face."""
    points_K2 = points_K3[:, :2].astype(np.float32)
    five_52 = five_of_mesh(points_K2)
    size = face_size(five_52)
    gap, width = (
        float(np.linalg.norm(np.diff(points_K2[list(two)], axis=0))) for two in (INNER_LIPS, CORNERS)
    )
    yaw, pitch, roll = angles_of_mesh(points_K3)
    depth_K = points_K3[:, 2].astype(np.float32)
    return Shape(points_K2, five_52, yaw, pitch, roll, gap / size, width / size, score, depth_K)


def five_of_mesh(points_K2: np.ndarray) -> np.ndarray:
    """Returns the middle of either eye, the tip of the nose and the corners of the mouth."""
    eyes = [points_K2[list(corners)].mean(0) for corners in EYES]
    return np.stack([*eyes, points_K2[NOSE], *points_K2[list(CORNERS)]]).astype(np.float32)


def angles_of_mesh(points_K3: np.ndarray) -> tuple[float, float, float]:
    """Returns yaw, pitch and roll by the turn that brings a straight face nearest to the points (Kabsch 1976)."""
    here_83 = points_K3[list(BONE)].astype(np.float64) * (1, -1, -1)
    straight_83 = STRAIGHT_83 - STRAIGHT_83.mean(0)
    left_33, _, right_33 = np.linalg.svd((here_83 - here_83.mean(0)).T @ straight_83)
    proper_3 = np.array([1, 1, np.sign(np.linalg.det(left_33 @ right_33))])
    return angles_of_turn((left_33 * proper_3) @ right_33)


def angles_of_turn(turn_33: np.ndarray) -> tuple[float, float, float]:
    """Returns yaw, pitch and roll in degrees, as a `Shape` has them.

    Its axes: x to the right, y up, z to the camera; a face at rest looks along z. Nods first, rolls last.
    """
    down, right = (
        np.arctan2(turn_33[2, 1], turn_33[2, 2]),
        np.arcsin(np.clip(-turn_33[2, 0], -1, 1)),
    )
    anticlockwise = np.arctan2(turn_33[1, 0], turn_33[0, 0])
    return float(np.degrees(right)), float(np.degrees(-down)), float(np.degrees(-anticlockwise))


def tilt_of_mesh(points_K3: np.ndarray) -> float:
    """Returns by how many degrees the outer corners of the eyes lean: what the square for the mesh is turned by."""
    x, y = points_K3[EYES[1][1], :2] - points_K3[EYES[0][0], :2]
    return float(np.degrees(np.arctan2(y, x)))
