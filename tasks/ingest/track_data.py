"""Keeps one face, frame by frame, as bytes in a row: what the scores and the masks start from."""

import io
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class TrackData:
    """All float32; pixels are the clip's. T frames, K points in the back-end's own order."""

    points_TK2: np.ndarray
    five_T52: np.ndarray
    pose_T3: np.ndarray
    """Yaw, pitch, roll in degrees, as in models/faces/face.py."""
    opening_T: np.ndarray
    width_T: np.ndarray
    score_T: np.ndarray
    """0 where the face was guessed from its neighbours."""
    square_T3: np.ndarray
    """Centre x, y and side of the crop, in the source's pixels, upright."""
    change_T: np.ndarray
    """How different each frame of the source is from the one before, as the shot detector scores it."""

    def to_bytes(self) -> bytes:
        out = io.BytesIO()
        np.savez_compressed(out, **{f.name: getattr(self, f.name).astype(np.float32) for f in fields(self)})
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "TrackData":
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return cls(**{f.name: arrays[f.name] for f in fields(cls)})
