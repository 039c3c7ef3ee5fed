"""What every head back-end finds out about one face through a clip, and what can be drawn of it.

F counts frames, K numbers of the shape, E expressions, L landmarks, V vertices, T triangles.
"""

import io
from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Fit:
    """A head's coefficients through a clip. All float32; a frame in which no face was found is NaN throughout."""

    shape_K: np.ndarray
    """Of the person, so one for all frames: what does not change cannot tell of the mouth."""
    expression_FE: np.ndarray
    jaw_F: np.ndarray
    """Radians that the jaw is open, 0 when it is shut."""
    pose_F3: np.ndarray
    """Yaw to the picture's right, pitch downwards, roll anticlockwise, in radians."""
    camera_F3: np.ndarray
    """Log of the size of the shape's unit, and where its origin falls: all as shares of the picture's side."""
    landmarks_FL2: np.ndarray
    """With the real mouth; also as shares of the side."""

    @property
    def seen_F(self) -> np.ndarray:
        """In which frames a face was found."""
        values = [getattr(self, name) for name in FRAME_BY_FRAME]
        return np.logical_and.reduce([np.isfinite(rows).reshape(len(rows), -1).all(1) for rows in values])

    def without(self, lost_F: np.ndarray) -> "Fit":
        """Returns the same fit with these frames lost."""
        return replace(self, **{name: _blank(getattr(self, name), lost_F) for name in FRAME_BY_FRAME})

    def to_bytes(self) -> bytes:
        """Returns the fit as a compressed .npz."""
        out = io.BytesIO()
        np.savez_compressed(out, **{f.name: getattr(self, f.name).astype(np.float32) for f in fields(self)})
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Fit":
        """Reads what `to_bytes` made."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return cls(**{f.name: arrays[f.name] for f in fields(cls)})


FRAME_BY_FRAME = ("expression_FE", "jaw_F", "pose_F3", "camera_F3", "landmarks_FL2")


def _blank(rows: np.ndarray, lost_F: np.ndarray) -> np.ndarray:
    return np.where(lost_F.reshape(-1, *[1] * (rows.ndim - 1)), np.float32(np.nan), rows).astype(np.float32)


@dataclass(frozen=True)
class Surface:
    """What is filled of the picture: the triangles' union."""

    points_FV2: np.ndarray
    """Pixels; the middle of the first is (0.5, 0.5)."""
    triangles_T3: np.ndarray


@dataclass(frozen=True)
class TrackedFace:
    """One face through a clip: the pictures, and where the tracker has seen it in them."""

    rgb_FHWC: np.ndarray
    five_F52: np.ndarray
    """Its five points, in pixels; they tell which face is meant where there are several."""
    mesh_FK3: np.ndarray | None = None
    """Its mesh, where the tracker sees one, as shares of the picture's side; NaN where the face was lost."""


class HeadFit(Protocol):
    """Reads a head's coefficients from a clip, and draws from them. One object a process."""

    @property
    def looks(self) -> bool:
        """Whether it needs the pictures, and not only what the tracker has seen in them."""
        ...

    def fit(self, face: TrackedFace) -> Fit:
        """Fits the head."""
        ...

    def face(self, fit: Fit, jaw: float, side: int) -> Surface:
        """Returns the whole face with its jaw at that angle and the lips at rest: nothing of the real mouth is in it."""
        ...

    def lips(self, fit: Fit, side: int) -> Surface:
        """Returns the real mouth, lips and what is between them."""
        ...

    def close(self) -> None: ...


def fan(ring: list[int], centre: int | None = None) -> np.ndarray:
    """Returns triangles that fill an outline, from a point inside it or from its first."""
    middle = ring[0] if centre is None else centre
    return np.array([(middle, ring[n - 1], ring[n]) for n in range(len(ring))], np.int32)
