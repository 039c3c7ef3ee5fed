"""Defines a morphable head: mean, identity, expression and albedo bases, two joints and named landmarks.

The format is that of FLAME and its kin, so that one of those can be stored with `to_npz` and drawn in place
of our own, which models/world/body/head.py builds. K counts identity vectors, E expressions, C albedo vectors,
V vertices, T triangles, L landmarks, F frames.
"""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numba
import numpy as np

JAW_OPEN = 0.40
"""Radians of the jaw at an opening of 1."""


class Part(IntEnum):
    """What a pixel of a rendered picture shows."""

    NOTHING = 0
    HEAD = 1
    MOUTH = 2
    TEETH = 3
    TONGUE = 4
    NECK = 5
    BODY = 6
    OCCLUDER = 7


class Material(IntEnum):
    """What a vertex is made of: decides its colour, and how it shines."""

    SKIN = 0
    EYE = 1
    HAIR = 2
    CAVITY = 3
    TOOTH = 4
    TONGUE = 5
    CLOTH = 6
    SCLERA = 7
    """Fills what an eyeball leaves open between the lids."""


FIVE = ("left_eye", "right_eye", "nose_tip", "mouth_left", "mouth_right")
"""The landmarks that face detectors agree on, in their usual order; left and right as in the picture."""


@dataclass(frozen=True)
class Joint:
    """One joint, and what follows it."""

    pivot_3: np.ndarray
    parent: int
    """Which joint carries this one; -1: none."""
    weights_V: np.ndarray
    """How far each vertex follows, 0..1."""


@dataclass(frozen=True)
class MorphableHead:
    """A head that can take any shape and expression its bases span."""

    mean_V3: np.ndarray
    identity_KV3: np.ndarray
    expression_EV3: np.ndarray
    neck: Joint
    jaw: Joint
    triangles_T3: np.ndarray
    """Anticlockwise as seen from outside."""
    part_T: np.ndarray
    material_V: np.ndarray
    uv_V2: np.ndarray
    """Where a vertex lies on its surface; eyes: from the pupil, in units of the eyeball's radius."""
    albedo_V3: np.ndarray
    """Multiplies the skin's tone: what is darker or redder on everybody."""
    albedo_CV3: np.ndarray
    identity_names: tuple[str, ...]
    expression_names: tuple[str, ...]
    albedo_names: tuple[str, ...]
    landmark_names: tuple[str, ...]
    landmark_L3: np.ndarray
    """Three vertices a landmark, ..."""
    landmark_weights_L3: np.ndarray
    """... and how it lies between them: barycentric."""

    def neutral(self, shape_K: np.ndarray) -> np.ndarray:
        """Returns the vertices of a person at rest."""
        moved_V3 = np.tensordot(shape_K.astype(np.float32), self.identity_KV3, 1)
        return np.ascontiguousarray(self.mean_V3 + moved_V3, dtype=np.float32)

    def pose(
        self, shape_K: np.ndarray, expression_FE: np.ndarray, jaw_F: np.ndarray, neck_F3: np.ndarray
    ) -> np.ndarray:
        """Returns vertices in model units: bases first, then the jaw (radians), then the neck (yaw, pitch, roll)."""
        assert expression_FE.shape[1] == len(self.expression_EV3)
        posed_FV3 = np.empty((len(jaw_F), *self.mean_V3.shape), np.float32)
        _pose(
            self.neutral(shape_K),
            self.expression_EV3,
            expression_FE.astype(np.float32),
            _about_x(jaw_F),
            rotations(neck_F3),
            self.jaw.pivot_3,
            self.neck.pivot_3,
            self.jaw.weights_V,
            self.neck.weights_V,
            posed_FV3,
        )
        return posed_FV3

    def landmarks(self, vertices_FV3: np.ndarray) -> np.ndarray:
        """Returns the landmarks of vertices, also of those in the picture: anything with one row a vertex."""
        corners_FL3D = vertices_FV3[:, self.landmark_L3]
        return (corners_FL3D * self.landmark_weights_L3[None, :, :, None]).sum(2)

    def five(self) -> list[int]:
        """Returns the indices of the five landmarks that face detectors agree on."""
        return [self.landmark_names.index(name) for name in FIVE]

    def to_npz(self, path: Path) -> None:
        """Stores the head."""
        stored: dict = {}
        for name, value in vars(self).items():
            parts = vars(value) if isinstance(value, Joint) else {"": value}
            stored |= {f"{name}.{part}".rstrip("."): np.asarray(item) for part, item in parts.items()}
        np.savez_compressed(path, **stored)

    @classmethod
    def from_npz(cls, path: Path) -> "MorphableHead":
        """Reads what `to_npz` stored."""
        with np.load(path, allow_pickle=False) as stored:
            missing = set(cls.__dataclass_fields__) - {key.split(".")[0] for key in stored.files}
            if missing:
                raise ValueError(f"{path} is no morphable head: it lacks {', '.join(sorted(missing))}")
            fields: dict = {key: stored[key] for key in stored.files if "." not in key}
            for key in fields:
                if key.endswith("_names"):
                    fields[key] = tuple(fields[key].tolist())
            for name in ("neck", "jaw"):
                weights_V, pivot_3 = stored[f"{name}.weights_V"], stored[f"{name}.pivot_3"]
                fields[name] = Joint(pivot_3, int(stored[f"{name}.parent"]), weights_V)
        return cls(**fields)


def rotations(yaw_pitch_roll_F3: np.ndarray) -> np.ndarray:
    """Returns rotation matrices: yaw turns the face to the picture's right, pitch downwards, roll anticlockwise."""
    (cy, cp, cr), (sy, sp, sr) = np.cos(yaw_pitch_roll_F3).T, np.sin(yaw_pitch_roll_F3).T
    none, one = np.zeros_like(cy), np.ones_like(cy)
    yaw = np.stack([cy, none, sy, none, one, none, -sy, none, cy], -1).reshape(-1, 3, 3)
    pitch = np.stack([one, none, none, none, cp, -sp, none, sp, cp], -1).reshape(-1, 3, 3)
    roll = np.stack([cr, -sr, none, sr, cr, none, none, none, one], -1).reshape(-1, 3, 3)
    return (roll @ yaw @ pitch).astype(np.float32)


def _about_x(angle_F: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angle_F), np.sin(angle_F)], -1).astype(np.float32)


@numba.njit(cache=True, fastmath=True)
def _pose(neutral, bases, expression, jaw, turn, jaw_at, neck_at, jaw_weights, neck_weights, out):
    for f in range(len(out)):
        cos, sin, r = jaw[f, 0] - 1, jaw[f, 1], turn[f]
        out[f] = neutral
        for e in range(len(bases)):
            amount = expression[f, e]
            if amount != 0:
                for v in range(len(neutral)):
                    for k in range(3):
                        out[f, v, k] += amount * bases[e, v, k]
        for v in range(len(neutral)):
            y, z, weight = out[f, v, 1] - jaw_at[1], out[f, v, 2] - jaw_at[2], jaw_weights[v]
            x = out[f, v, 0] - neck_at[0]
            y, z = y + weight * (cos * y - sin * z), z + weight * (sin * y + cos * z)
            y, z = y + jaw_at[1] - neck_at[1], z + jaw_at[2] - neck_at[2]
            weight = neck_weights[v]
            out[f, v, 0] = neck_at[0] + x + weight * (r[0, 0] * x + r[0, 1] * y + r[0, 2] * z - x)
            out[f, v, 1] = neck_at[1] + y + weight * (r[1, 0] * x + r[1, 1] * y + r[1, 2] * z - y)
            out[f, v, 2] = neck_at[2] + z + weight * (r[2, 0] * x + r[2, 1] * y + r[2, 2] * z - z)
