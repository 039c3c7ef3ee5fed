"""Makes of 3D landmarks a head whose jaw can be opened. Numpy only; no licence to sign.

The landmarks of a clip are brought on top of each other by what no mouth can move (the upper face). What is
left is the person's shape and the jaw: its present angle is read from the gap between the lips, taken back in every
frame, and the median over the clip is the shape with its mouth shut. F counts frames, P landmarks, V points kept.
"""

import numpy as np

from models.faces.landmarks478 import CHIN, FOREHEAD, INNER_LIPS, JAW_JOINTS, KEPT, RIGID, STORED
from models.heads.fit import Fit
from models.world.body.morphable import rotations

ROUNDS = 3


def fit_of_points(points_FP3: np.ndarray, expression_FE: np.ndarray) -> Fit:
    """Fits such a head to points, as shares of the picture's side, x right, y down, z away; NaN where there is no face."""
    up_FP3 = points_FP3.astype(np.float64) * (1, -1, -1)
    seen_F = np.asarray(np.isfinite(up_FP3).all((1, 2)))
    shape_P3 = _upright(_common(up_FP3[seen_F]))
    scale_S, turn_S33, at_S3 = aligned(shape_P3, up_FP3[seen_F])
    loose_SP3 = np.einsum("spi,sij->spj", up_FP3[seen_F] - at_S3[:, None], turn_S33) / scale_S[:, None, None]
    jaw_S, follows_V = jaw_of(loose_SP3), follows(loose_SP3)
    shut_SV3 = swung(loose_SP3[:, KEPT], -jaw_S, follows_V)
    camera_S3 = np.column_stack([np.log(scale_S), at_S3[:, 0], -at_S3[:, 1]])

    def spread(rows_S: np.ndarray) -> np.ndarray:
        rows_F = np.full((len(seen_F), *rows_S.shape[1:]), np.nan, np.float32)
        rows_F[seen_F] = rows_S
        return rows_F

    shape_K = np.column_stack([np.median(shut_SV3, 0), follows_V]).astype(np.float32).ravel()
    return Fit(
        shape_K=shape_K,
        expression_FE=expression_FE.astype(np.float32),
        jaw_F=spread(jaw_S),
        pose_F3=spread(angles(turn_S33)),
        camera_F3=spread(camera_S3),
        landmarks_FL2=points_FP3[:, STORED, :2].astype(np.float32),
    )


def points_with_jaw(fit: Fit, jaw: float) -> np.ndarray:
    """Returns the kept points in the picture, (F, V, 2), with the jaw at that angle in every frame."""
    shape_V4 = fit.shape_K.reshape(-1, 4)
    swung_V3 = swung(shape_V4[None, :, :3], np.array([jaw]), shape_V4[:, 3])[0]
    turned_FV3 = np.einsum("vj,fij->fvi", swung_V3, rotations(fit.pose_F3))
    scaled_FV3 = turned_FV3 * np.exp(fit.camera_F3[:, 0])[:, None, None]
    return scaled_FV3[:, :, :2] * (1, -1) + fit.camera_F3[:, None, 1:]


def aligned(shape_P3: np.ndarray, points_FP3: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Finds scale, turn and place that bring the shape to each frame's points (Umeyama 1991, eq. 39-43).

    Only the points count that no mouth moves.
    """
    here_R3, there_FR3 = shape_P3[RIGID], points_FP3[:, RIGID]
    inner_R3, outer_FR3 = here_R3 - here_R3.mean(0), there_FR3 - there_FR3.mean(1, keepdims=True)
    left_F33, size_F3, right_F33 = np.linalg.svd(np.einsum("fri,rj->fij", outer_FR3, inner_R3))
    proper_F3 = np.ones_like(size_F3)
    proper_F3[:, 2] = np.sign(np.linalg.det(left_F33) * np.linalg.det(right_F33))
    turn_F33 = (left_F33 * proper_F3[:, None]) @ right_F33
    scale_F = (size_F3 * proper_F3).sum(1) / (inner_R3**2).sum()
    at_F3 = there_FR3.mean(1) - scale_F[:, None] * np.einsum("fij,j->fi", turn_F33, here_R3.mean(0))
    return scale_F, turn_F33, at_F3


def _common(points_FP3: np.ndarray) -> np.ndarray:
    """The median of all frames, once they lie on top of each other."""
    shape_P3 = points_FP3[len(points_FP3) // 2]
    for _ in range(ROUNDS):
        scale_F, turn_F33, at_F3 = aligned(shape_P3, points_FP3)
        shape_P3 = np.median(
            np.einsum("fpi,fij->fpj", points_FP3 - at_F3[:, None], turn_F33) / scale_F[:, None, None], 0
        )
    return shape_P3


def _upright(shape_P3: np.ndarray) -> np.ndarray:
    """Looking at the camera, its hinge through the origin and along x, one unit wide there."""
    left_3, right_3 = shape_P3[list(JAW_JOINTS)]
    wide = np.linalg.norm(right_3 - left_3)
    x_3 = (right_3 - left_3) / wide
    up_3 = shape_P3[FOREHEAD] - shape_P3[CHIN]
    y_3 = up_3 - (up_3 @ x_3) * x_3
    y_3 /= np.linalg.norm(y_3)
    axes_33 = np.stack([x_3, y_3, np.cross(x_3, y_3)])
    return (shape_P3 - (left_3 + right_3) / 2) @ axes_33.T / wide


def jaw_of(loose_FP3: np.ndarray) -> np.ndarray:
    """Returns the angle at the jaw's joints under which the gap between the lips is seen."""
    upper_F2, lower_F2 = (loose_FP3[:, point, 1:] for point in INNER_LIPS)
    one_F, other_F = (np.arctan2(lips_F2[:, 0], lips_F2[:, 1]) for lips_F2 in (upper_F2, lower_F2))
    return np.clip(one_F - other_F, 0, None)


def follows(loose_FP3: np.ndarray) -> np.ndarray:
    """Returns how far each kept point goes with the jaw: not at all at its joints, all the way from the lips down."""
    height_P, lips = np.median(loose_FP3[:, :, 1], 0), np.median(loose_FP3[:, INNER_LIPS[0], 1])
    return np.clip(height_P[KEPT] / min(lips, -1e-6), 0, 1)


def swung(points_FV3: np.ndarray, jaw_F: np.ndarray, follows_V: np.ndarray) -> np.ndarray:
    """Turns points about the x axis; the chin goes down and back."""
    angle_FV = jaw_F[:, None] * follows_V
    x_FV, y_FV, z_FV = np.moveaxis(points_FV3, -1, 0)
    cos_FV, sin_FV = np.cos(angle_FV), np.sin(angle_FV)
    x_FV = np.broadcast_to(x_FV, angle_FV.shape)
    return np.stack([x_FV, cos_FV * y_FV - sin_FV * z_FV, sin_FV * y_FV + cos_FV * z_FV], -1)


def angles(turn_F33: np.ndarray) -> np.ndarray:
    """Returns yaw, pitch and roll such that `rotations` gives the turn again."""
    yaw_F = np.arcsin(np.clip(-turn_F33[:, 2, 0], -1, 1))
    pitch_F = np.arctan2(turn_F33[:, 2, 1], turn_F33[:, 2, 2])
    roll_F = np.arctan2(turn_F33[:, 1, 0], turn_F33[:, 0, 0])
    return np.stack([yaw_F, pitch_F, roll_F], 1)
