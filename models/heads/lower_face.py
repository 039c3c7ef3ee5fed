"""Keeps the eyes out of a mask: all that lies above a line across the nose, which speech does not move.

F frames of H by W pixels.
"""

import numpy as np


def below_the_eyes(five_F52: np.ndarray, begins: float, side: int) -> np.ndarray:
    """Returns bool (F, side, side); `begins` is where the line lies between the eyes (0) and the tip of the nose (1).

    The points are those of models/faces/face.py. The mouth's have no part in it, or the line would tell how it moves.
    Frames whose points are not finite take their neighbour's.
    """
    eyes_F22, nose_F2 = np.split(_filled(five_F52[:, :3].astype(np.float64)), [2], axis=1)
    middle_F2, across_F2 = eyes_F22.mean(1), eyes_F22[:, 1] - eyes_F22[:, 0]
    down_F2 = np.stack([-across_F2[:, 1], across_F2[:, 0]], 1)
    down_F2 /= np.maximum(np.linalg.norm(down_F2, axis=1, keepdims=True), 1e-6)
    length_F = ((nose_F2[:, 0] - middle_F2) * down_F2).sum(1)
    x_W = y_H = np.arange(side) + 0.5
    depth_FHW = (y_H[None, :, None] - middle_F2[:, 1, None, None]) * down_F2[:, 1, None, None] + (
        x_W[None, None, :] - middle_F2[:, 0, None, None]
    ) * down_F2[:, 0, None, None]
    return depth_FHW >= begins * length_F[:, None, None]


def _filled(points_FK2: np.ndarray) -> np.ndarray:
    there_N = np.flatnonzero(np.isfinite(points_FK2).all((1, 2)))
    if not len(there_N):
        raise ValueError("no frame has finite points of eyes and nose; look at the clip's track")
    nearest_F = np.abs(np.arange(len(points_FK2))[:, None] - there_N).argmin(1)
    return points_FK2[there_N[nearest_F]]
