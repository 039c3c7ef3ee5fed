"""Bridges the frames in which a face was lost, and smooths a fit's tremble."""

from dataclasses import replace

import numpy as np

from models.heads.fit import FRAME_BY_FRAME, Fit


def longest_gap(seen_F: np.ndarray) -> int:
    """Returns how many frames the longest stretch has in which the face was lost."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], seen_F, [True]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def bridged(fit: Fit) -> Fit:
    """Puts lost frames between their neighbours; before the first and after the last the face stands still."""
    seen_F = fit.seen_F
    assert seen_F.any()
    if seen_F.all():
        return fit
    at_F, known_N = np.arange(len(seen_F)), np.flatnonzero(seen_F)

    def filled(rows: np.ndarray) -> np.ndarray:
        flat_FX = rows.reshape(len(rows), -1)
        made_FX = np.empty_like(flat_FX, np.float32)
        for x in range(flat_FX.shape[1]):  # none where a head knows no expressions
            made_FX[:, x] = np.interp(at_F, known_N, flat_FX[known_N, x])
        return made_FX.reshape(rows.shape)

    return replace(fit, **{name: filled(getattr(fit, name)) for name in FRAME_BY_FRAME})


def smoothed(fit: Fit, frames: float) -> Fit:
    """Smooths pose and place, by a bell of that standard deviation: heads are heavy, lips are not."""
    if frames <= 0:
        return fit
    at_F = np.arange(len(fit.jaw_F))
    bell_FF = np.exp(-0.5 * ((at_F[:, None] - at_F) / frames) ** 2)
    bell_FF /= bell_FF.sum(1, keepdims=True)
    pose_F3, camera_F3 = (
        (bell_FF @ rows.astype(np.float64)).astype(np.float32) for rows in (fit.pose_F3, fit.camera_F3)
    )
    return replace(fit, pose_F3=pose_F3, camera_F3=camera_F3)
