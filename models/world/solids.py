"""Makes small coloured meshes from rings of points: tubes, turned and flat things, and moves them.

Everything is a loft: R rings of S points each, joined by triangles whose outside is to the camera when the
rings turn anticlockwise about the way they are stacked. Two equal rings in a row make a sharp edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from models.world import scene
from models.world.body.morphable import rotations


@dataclass(frozen=True)
class Solid:
    """One rigid thing."""

    vertices_V3: np.ndarray
    triangles_T3: np.ndarray
    colours_V3: np.ndarray

    def at(self, place: Sequence[float], turn: Sequence[float] = (0, 0, 0), size: float = 1) -> "Solid":
        """Makes it larger, turns it by yaw, pitch, roll, then puts it at its place."""
        turned_V3 = size * self.vertices_V3 @ rotations(np.array([turn]))[0].T
        return Solid(turned_V3 + np.asarray(place), self.triangles_T3, self.colours_V3)

    def mirrored(self) -> "Solid":
        """Swaps left for right; the triangles turn round with it, so that outside stays outside."""
        return Solid(self.vertices_V3 * (-1, 1, 1), self.triangles_T3[:, ::-1], self.colours_V3)

    def moved(self, kind: str, places_F3: np.ndarray, turns_F3: np.ndarray) -> scene.Occluder:
        """Makes it an occluder in the room, one place and one turn a frame."""
        vertices_FV3 = self.vertices_V3 @ rotations(turns_F3).transpose(0, 2, 1) + places_F3[:, None]
        return scene.Occluder(
            kind, vertices_FV3.astype(np.float32), self.triangles_T3, self.colours_V3, False
        )

    def worn(self, kind: str, frames: int) -> scene.Occluder:
        """Makes it a worn occluder: it stays where it is on the head."""
        vertices_FV3 = np.broadcast_to(self.vertices_V3.astype(np.float32), (frames, *self.vertices_V3.shape))
        return scene.Occluder(kind, vertices_FV3, self.triangles_T3, self.colours_V3, True)


def join(*solids: Solid) -> Solid:
    """Joins solids into one."""
    starts = np.cumsum([0] + [len(solid.vertices_V3) for solid in solids[:-1]])
    triangles = [solid.triangles_T3 + start for solid, start in zip(solids, starts, strict=True)]
    return Solid(
        np.concatenate([solid.vertices_V3 for solid in solids]),
        np.concatenate(triangles).astype(np.int32),
        np.concatenate([solid.colours_V3 for solid in solids]),
    )


def loft(rings_RS3: np.ndarray, colours: np.ndarray, closed: bool = True) -> Solid:
    """Lays a skin over rings; `colours` is one, or one a ring (R, 1, 3), or one a point; open makes a sheet."""
    rings, points = rings_RS3.shape[:2]
    index_RS = np.arange(rings * points, dtype=np.int32).reshape(rings, points)
    if closed:
        index_RS = np.concatenate([index_RS, index_RS[:, :1]], 1)
    a, b, c, d = index_RS[:-1, :-1], index_RS[:-1, 1:], index_RS[1:, :-1], index_RS[1:, 1:]
    triangles_T3 = np.stack([np.stack([a, b, c], -1), np.stack([b, d, c], -1)]).reshape(-1, 3)
    colours_V3 = np.broadcast_to(colours, rings_RS3.shape).reshape(-1, 3)
    return Solid(
        rings_RS3.reshape(-1, 3).astype(np.float32),
        triangles_T3,
        np.clip(colours_V3, 0, 1).astype(np.float32),
    )


def _round_ends(path_N3: np.ndarray, radii_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two more rings at either end close a tube with half a ball."""
    first, last = path_N3[0] - path_N3[1], path_N3[-1] - path_N3[-2]
    out_2, in_2 = np.array([0.75, 1.0]), np.array([0.66, 0.0])
    head_23 = path_N3[0] + (radii_N[0] * out_2[::-1, None]) * first / np.linalg.norm(first)
    tail_23 = path_N3[-1] + (radii_N[-1] * out_2[:, None]) * last / np.linalg.norm(last)
    radii = [in_2[::-1] * radii_N[0], radii_N, in_2 * radii_N[-1]]
    return np.concatenate([head_23, path_N3, tail_23]), np.concatenate(radii)


def tube(path: ArrayLike, radii: ArrayLike, colour: np.ndarray, sides: int = 8,
         flat: float = 1, shade: float = 0) -> Solid:  # fmt: skip
    """Makes a round-ended tube along a path; `flat` squeezes it in depth, `shade` darkens what looks sideways."""
    path_N3 = np.asarray(path, float)
    path_N3, radii_N = _round_ends(path_N3, np.broadcast_to(np.asarray(radii, float), len(path_N3)))
    along_N3 = np.gradient(path_N3, axis=0)
    along_N3 /= np.linalg.norm(along_N3, axis=1, keepdims=True)
    away = np.eye(3)[np.abs(along_N3).max(0).argmin()]
    side_N3 = np.cross(away, along_N3)
    side_N3 /= np.linalg.norm(side_N3, axis=1, keepdims=True)
    angle_S1 = np.linspace(0, 2 * np.pi, sides, endpoint=False)[:, None]
    out_NS3 = np.cos(angle_S1) * side_N3[:, None] + np.sin(angle_S1) * np.cross(along_N3, side_N3)[:, None]
    tone_NS1 = 1 - shade * (1 - np.clip(out_NS3[..., 2:], 0, 1))
    rings_NS3 = path_N3[:, None] + radii_N[:, None, None] * out_NS3 * (1, 1, flat)
    return loft(rings_NS3, colour * tone_NS1)


def turned(profile_R2: ArrayLike, colours: np.ndarray, sides: int = 16) -> Solid:
    """Makes what a lathe makes of (radius, height) pairs, upwards outside, about the y axis."""
    profile = np.asarray(profile_R2, float)
    angle_S = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    circle_S3 = np.stack([np.sin(angle_S), 0 * angle_S, np.cos(angle_S)], -1)
    return loft(profile[:, :1, None] * circle_S3 + profile[:, 1:, None] * (0, 1, 0), colours)


def _outline(width: float, height: float, square: float, points: int = 16) -> np.ndarray:
    """A rectangle with rounded corners, in the plane z = 0: 1 an ellipse, towards 0 ever sharper."""
    angle_S = (np.arange(points) + 0.5) * 2 * np.pi / points
    cos_S, sin_S = np.cos(angle_S), np.sin(angle_S)
    x_S, y_S = np.sign(cos_S) * np.abs(cos_S) ** square, np.sign(sin_S) * np.abs(sin_S) ** square
    return np.stack([x_S * width / 2, y_S * height / 2, 0 * x_S], -1)


def slab(width: float, height: float, depth: float, body: np.ndarray, front: np.ndarray | None = None,
         rim: float = 0.06, square: float = 0.3) -> Solid:  # fmt: skip
    """Makes a board facing the camera, with a rim of the body's colour round its front; nobody sees its back."""
    outer_S3 = _outline(width, height, square)
    inner_S3, up_3 = outer_S3 * (1 - 2 * rim / np.array([width, height, 1])), np.array([0, 0, depth / 2])
    rings_RS3 = [
        outer_S3 - up_3,
        outer_S3 + up_3,
        outer_S3 + up_3,
        inner_S3 + up_3,
        inner_S3 + up_3,
        0 * outer_S3 + up_3,
    ]
    colours_R13 = np.stack([body] * 4 + [body if front is None else front] * 2)[:, None]
    return loft(np.stack(rings_RS3), colours_R13)


def patch(width: float, height: float, colour: np.ndarray, square: float = 0.3) -> Solid:
    """Makes a flat label, to be laid on something."""
    edge_S3 = _outline(width, height, square, 12)
    return loft(np.stack([edge_S3, 0 * edge_S3]), colour)
