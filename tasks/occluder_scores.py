"""Scores the masks of what is in front of a face: how much they cover, and how stable they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.faces.face import face_centre, face_size
from models.segment.segmenter import Followed
from tasks.ingest.track_data import TrackData

REGION = 1.1
"""Side of the square that counts as the face, in face sizes: from above the brow to the chin."""


def covered_shares(mask_FHW: np.ndarray, track: TrackData, whole: float) -> dict[str, Any]:
    """Columns about what the mask covers; `whole` is the share that counts as all of it."""
    picture_F = mask_FHW.mean(axis=(1, 2))
    face_F = np.array([_face_share(m, five) for m, five in zip(mask_FHW, track.five_T52, strict=True)])
    return {
        "covered_share": float(picture_F.mean()),
        "face_share": float(face_F.mean()),
        "face_share_most": float(face_F.max()),
        "whole_frames": int((np.maximum(picture_F, face_F) >= whole).sum()),
    }


def _face_share(mask_HW: np.ndarray, five_52: np.ndarray) -> float:
    """Of what is inside the picture of the face's square."""
    (x, y), half = face_centre(five_52), REGION * face_size(five_52) / 2
    height, width = mask_HW.shape
    (top, bottom), (left, right) = _span(y, half, height), _span(x, half, width)
    return float(mask_HW[top:bottom, left:right].mean())


def _span(middle: float, half: float, length: int) -> tuple[int, int]:
    """At least one pixel, wherever the face is."""
    low = min(max(round(middle - half), 0), length - 1)
    return low, max(min(round(middle + half), length), low + 1)


def stability(found: Sequence[Followed]) -> dict[str, Any]:
    """Columns about how little the masks depend on their threshold."""
    if not found:
        return {"lost_frames": 0, "stability": 1.0, "stability_worst": 1.0, "worst_frame": None}
    least_F = np.min([one.stability_F for one in found], axis=0)
    seen_F = np.any([one.seen_F for one in found], axis=0)
    worst = int(least_F.argmin())
    return {
        "lost_frames": int((~seen_F).sum()),
        "stability": float(least_F[seen_F].mean()) if seen_F.any() else 0.0,
        "stability_worst": float(least_F[worst]),
        "worst_frame": worst,
    }
