"""Scores how a face is turned and how it moves, from ingest's track of it: every frame counts here."""

from typing import Any

import numpy as np

from models.faces.face import face_centre, face_size
from tasks.ingest.track_data import TrackData

CUT = 5.0
"""Picture and points both jump at a cut, to so many times what the busier of their neighbours do; a cut
within one set measured 13, the liveliest uncut footage 4."""
CUT_REACH = 8
"""Frames on either side that count as neighbours."""
LEAST_JUMP = 0.02
"""Face sizes: a tracker's jitter on a still face is no jump."""


def face_scores(track: TrackData, fps: float, side: int) -> dict[str, Any]:
    """Scores of the face; `side` is the clip's, in pixels."""
    seen_T = track.score_T > 0
    if not seen_T.any():
        seen_T = np.ones_like(seen_T)
    yaw_T, pitch_T = (_steady(track.pose_T3[seen_T, axis]) for axis in (0, 1))
    return {
        "yaw_mean": float(np.abs(yaw_T).mean()),
        "yaw_max": float(np.abs(yaw_T).max()),
        "pitch_range": float(np.ptp(pitch_T)),
        "head_speed": _head_speed(track, fps, side),
        "mouth_motion": float(track.opening_T[seen_T].std()),
        "jump_cuts": _jump_cuts(track, side),
    }


def _steady(values_T: np.ndarray, reach: int = 1) -> np.ndarray:
    """Running median over a tenth of a second: one frame's slip of the tracker is no pose."""
    padded = np.pad(values_T, reach, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=1)


def _in_source(track: TrackData, points_TK2: np.ndarray, side: int) -> np.ndarray:
    """Points where they were in the source's picture, in units of the clip's typical face."""
    scale_T11 = track.square_T3[:, 2, None, None] / side
    corner_T12 = track.square_T3[:, None, :2] - track.square_T3[:, 2, None, None] / 2
    face = np.median([face_size(five_52) for five_52 in track.five_T52]) * np.median(scale_T11)
    return (points_TK2 * scale_T11 + corner_T12) / face


def _head_speed(track: TrackData, fps: float, side: int) -> float:
    centre_T2 = _in_source(track, np.stack([face_centre(five) for five in track.five_T52])[:, None], side)[
        :, 0
    ]
    steady_T2 = np.stack([_steady(centre_T2[:, axis], reach=2) for axis in (0, 1)], axis=1)
    steps = np.linalg.norm(np.diff(steady_T2, axis=0), axis=1)
    return float(steps.mean() * fps) if len(steps) else 0.0


def _jump_cuts(track: TrackData, side: int) -> int:
    """Frames at which the picture changes and the face jumps, both far more than around it."""
    points_TK2 = _in_source(track, track.points_TK2, side)
    jump_T = np.linalg.norm(np.diff(points_TK2, axis=0), axis=2).mean(axis=1)
    change_T = track.change_T[1:]
    if len(jump_T) < 2:
        return 0
    picture = change_T > CUT * (_busiest_near(change_T) + 0.05 * np.median(change_T))
    return int((picture & (jump_T > CUT * _busiest_near(jump_T)) & (jump_T > LEAST_JUMP)).sum())


def _busiest_near(values_T: np.ndarray) -> np.ndarray:
    """What a lively neighbour reaches (the 80th percentile: with held frames the median would be 0)."""
    padded = np.pad(values_T, CUT_REACH, mode="reflect" if len(values_T) > CUT_REACH else "edge")
    near = np.lib.stride_tricks.sliding_window_view(padded, 2 * CUT_REACH + 1)
    return np.quantile(np.delete(near, CUT_REACH, axis=1), 0.8, axis=1)
