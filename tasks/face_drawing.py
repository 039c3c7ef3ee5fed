"""Draws what a fitted head says of a clip: the masks of face and lips, and a picture to look at."""

from dataclasses import dataclass

import numpy as np

from models.heads.fit import Fit, HeadFit
from models.heads.masks import face_mask, filled, outline
from models.heads.smoothing import smoothed
from storage.media.images import encode_jpeg
from tasks.masks import POSTER_PX


@dataclass(frozen=True)
class DrawnMasks:
    face_FHW: np.ndarray
    lips_FHW: np.ndarray
    jitter: float
    """Mean tremble of the mesh before it was stilled, in widths of the face."""
    outside_share: float
    """Share of the mesh that lies beyond the picture."""


def draw_masks(
    head: HeadFit, fit: Fit, side: int, jaw: float, dilate: float, smooth_frames: float
) -> DrawnMasks:
    rough = head.face(fit, jaw, side)
    still = head.face(smoothed(fit, smooth_frames), jaw, side)
    used_FV2 = still.points_FV2[:, np.unique(still.triangles_T3)]
    return DrawnMasks(
        face_mask(still, side, dilate),
        filled(head.lips(fit, side), side),
        _tremble(rough.points_FV2) / max(float(np.ptp(used_FV2[..., 0], axis=1).mean()), 1.0),
        float(((used_FV2 < 0) | (used_FV2 >= side)).any(2).mean()),
    )


def _tremble(points_FV2: np.ndarray) -> float:
    """Mean way to the middle of both neighbours in time: what moves evenly does not tremble."""
    if len(points_FV2) < 3:
        return 0.0
    off_FV2 = points_FV2[1:-1] - (points_FV2[:-2] + points_FV2[2:]) / 2
    return float(np.linalg.norm(off_FV2, axis=2).mean())


def poster(rgb_NHWC: np.ndarray, face_NHW: np.ndarray, lips_NHW: np.ndarray, kept_NHW: np.ndarray) -> bytes:
    """The `moments` beside each other; below each, its outlines and what is left to paint. Any two sizes will do."""
    side = min(rgb_NHWC.shape[1], POSTER_PX)
    rgb_NHWC, face_NHW, lips_NHW, kept_NHW = (
        array[:, at][:, :, at]
        for array in (rgb_NHWC, face_NHW, lips_NHW, kept_NHW)
        for at in [np.arange(side) * array.shape[1] // side]
    )
    outlined_NHWC = rgb_NHWC.copy()
    outlined_NHWC[outline(lips_NHW)] = (255, 60, 60)
    outlined_NHWC[outline(face_NHW)] = (60, 255, 60)
    rows = [rgb_NHWC, outlined_NHWC, np.where(kept_NHW[..., None], rgb_NHWC, 128).astype(np.uint8)]
    return encode_jpeg(np.concatenate([np.concatenate(list(row), 1) for row in rows]), 92)
