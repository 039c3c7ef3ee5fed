"""Keeps one face, frame by frame, as bytes in a row: what the scores and the masks start from."""

import io
import zipfile
from dataclasses import dataclass, field, fields

import numpy as np

PARTS = 32
"""Of a pixel, to which points are kept: no network is as exact."""
LEVEL = 3
"""How hard zlib tries: numpy's own level takes 3.4 times as long and packs 3 % smaller."""


@dataclass(frozen=True)
class TrackData:
    """Pixels are the clip's. T frames, K points in the back-end's own order."""

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
    depth_TK: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """How far behind the middle of the head each point lies; K = 0 where the back-end doesn't tell."""

    @property
    def mesh_TK3(self) -> np.ndarray | None:
        """The points in three dimensions, NaN where the face was guessed; None without depth."""
        if not self.depth_TK.size:
            return None
        seen_T = self.score_T > 0
        return np.where(
            seen_T[:, None, None], np.dstack([self.points_TK2, self.depth_TK]), np.float32(np.nan)
        )

    def to_bytes(self) -> bytes:
        """All float32; points to a 32nd of a pixel, which packs to less than two thirds."""
        arrays = {f.name: getattr(self, f.name).astype(np.float32) for f in fields(self)}
        fine = {
            name: np.round(arrays[name] * PARTS) / np.float32(PARTS) for name in ("points_TK2", "depth_TK")
        }
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as file:
            for name, array in (arrays | fine).items():
                np.lib.format.write_array(packed := io.BytesIO(), array, allow_pickle=False)
                # Without a date, so that the same track is the same bytes.
                file.writestr(zipfile.ZipInfo(f"{name}.npy"), packed.getvalue(), zipfile.ZIP_DEFLATED, LEVEL)
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "TrackData":
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return cls(**{f.name: arrays[f.name] for f in fields(cls) if f.name in arrays})
