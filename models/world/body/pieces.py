"""Makes what a head has besides its skin: eyes, ears, hair, teeth, tongue, neck, body."""

from dataclasses import dataclass

import numpy as np

from models.world.body.morphable import Material, Part
from models.world.body.skin import (
    BALL_RADIUS,
    BALL_Z,
    EYE_X,
    EYE_Y,
    MOUTH_Y,
    Skin,
    curve,
    grid_triangles,
    outline,
    smooth,
)


@dataclass(frozen=True)
class Piece:
    """One piece of the mean head."""

    vertices_V3: np.ndarray
    triangles_T3: np.ndarray
    uv_V2: np.ndarray
    part: Part
    material: Material
    jaw: float | np.ndarray = 0.0
    neck: float | np.ndarray = 1.0
    """Weights of the joints."""
    shade_V: float | np.ndarray = 1.0
    """Light that reaches it, past its neighbours."""
    twins_V: np.ndarray | None = None
    """The vertices of the skin that its own always lie on."""


def _sheet(
    rows: int, columns: int, start: float = -1, end: float = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """v (0 above, 1 below), u (left to right), and triangles."""
    v_RC, u_RC = np.meshgrid(np.linspace(0, 1, rows), np.linspace(start, end, columns), indexing="ij")
    return v_RC.ravel(), u_RC.ravel(), grid_triangles(np.arange(rows * columns).reshape(rows, columns))


def eye(side: int) -> Piece:
    """Makes an eyeball; `side` is -1 for the picture's left."""
    v, u, triangles = _sheet(7, 7)
    across, up = 0.9 * u, 0.9 * (1 - 2 * v)
    ball = np.stack([across, up, np.sqrt(np.clip(1 - across**2 - up**2, 0.02, 1))], -1)
    centre = np.array([side * EYE_X, EYE_Y, BALL_Z])
    uv = np.stack([across, up], -1)
    return Piece(centre + BALL_RADIUS * ball, triangles, uv, Part.HEAD, Material.EYE)


def between(face: Skin, edges_2M: np.ndarray, part: Part, material: Material) -> Piece:
    """Makes the surface between two edges of a slit. Nothing of the mouth's inside is drawn beside it."""
    count = edges_2M.shape[1]
    triangles = grid_triangles(np.arange(2 * count).reshape(2, count))
    uv = np.stack([np.tile(np.linspace(-0.9, 0.9, count), 2), np.repeat([0.1, -0.1], count)], -1)
    points = face.vertices_V3[edges_2M.ravel()]
    return Piece(points, triangles, uv, part, material, twins_V=edges_2M.ravel())


def ear(side: int) -> Piece:
    """Makes an ear; `side` is -1 for the picture's left."""
    v, u, triangles = _sheet(5, 9, -np.pi, np.pi)
    high, deep = np.sin(u), np.cos(u)
    rim = np.where(v > 0.9, 0.02, 0.075 * np.exp(-(((v - 0.72) / 0.22) ** 2)) + 0.01)
    y = 0.05 + v * 0.21 * high * np.where(high < 0, 0.95, 1)
    z = -0.06 + v * (0.105 * deep - 0.03 * high)
    x = 0.735 + rim - 0.55 * (z + 0.06) + 0.02
    shade = 0.75 + 0.25 * smooth(0.1, 0.7, v)
    points = np.stack([side * x, y, z], -1)
    turned = triangles if side < 0 else triangles[:, ::-1]
    return Piece(points, turned, points[:, :2], Part.HEAD, Material.SKIN, shade_V=shade)


HAIRLINE = {
    0: 0.70,
    18: 0.72,
    34: 0.76,
    48: 0.60,
    60: 0.38,
    72: 0.08,
    80: 0.12,
    88: 0.30,
    100: 0.20,
    115: -0.25,
}
"""Height by angle from the middle of the forehead, degrees: temples, sideburns, round the ear, nape."""
HIDDEN = 0.06
"""How deep under the scalp the hair lies on a bald head."""


def hair() -> tuple[Piece, np.ndarray]:
    """Makes a cap from the crown to the hairline, hidden under the scalp; returns its directions outwards as well."""
    v, u, triangles = _sheet(10, 37, -1, 1)
    u = np.sign(u) * np.interp(np.abs(u), [0, 0.25, 0.70, 1], [0, 45, 90, 180])
    line = curve(np.abs(u), list(HAIRLINE), list(HAIRLINE.values()), 4)
    y = 1.22 + (line - 1.22) * v
    wide, deep = outline(y)
    angle = np.radians(u)
    cos = np.cos(angle)
    z = deep * np.sign(cos) * np.abs(cos) ** 0.85 * np.where(cos > 0, 1, 0.95)
    scalp = np.stack([wide * np.sin(angle), y, z], -1)
    out = scalp - np.array([0, 0.25, 0])
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    piece = Piece(scalp - HIDDEN * out, triangles, np.stack([u, v], -1), Part.HEAD, Material.HAIR)
    return piece, out


def bun() -> Piece:
    """Makes a bun of hair, inside the head until a style moves it out."""
    v, u, triangles = _sheet(6, 9, -np.pi, np.pi)
    theta = np.pi * v
    ball = np.stack([np.sin(theta) * np.sin(u), np.cos(theta), np.sin(theta) * np.cos(u)], -1)
    uv = np.stack([np.degrees(u), v * 0.5], -1)
    return Piece(np.array([0, 0.62, -0.1]) + 0.27 * ball, triangles, uv, Part.HEAD, Material.HAIR)


def teeth(upper: bool) -> Piece:
    """Makes a row of teeth."""
    v, u, triangles = _sheet(3, 17)
    high = 0.075 if upper else -0.06 - 0.06 * u**2
    low = -0.052 + 0.05 * u**2 if upper else -0.16
    half, front = (0.235, 0.755) if upper else (0.215, 0.725)
    y = MOUTH_Y + high + (low - high) * v
    points = np.stack([half * np.sin(1.5 * u), y, front - 0.42 * (1 - np.cos(1.5 * u))], -1)
    shade = (1 - 0.9 * u**2) * (0.92 if upper else 0.80)
    jaw = 0.0 if upper else 0.96
    uv = np.stack([u, v if upper else 1 - v], -1)
    return Piece(points, triangles, uv, Part.TEETH, Material.TOOTH, jaw, shade_V=shade)


def tongue() -> Piece:
    """Makes the tongue."""
    v, u, triangles = _sheet(5, 9)
    z = 0.52 + 0.17 * np.sin(v * np.pi * 0.6) - 0.16 * u**2
    y = MOUTH_Y - 0.135 - 0.12 * v**2 - 0.02 * u**2 + 0.008 * np.exp(-((u / 0.15) ** 2)) * -1
    points = np.stack([0.185 * u, y, z], -1)
    shade = (0.75 - 0.35 * u**2) * (0.62 + 0.38 * smooth(0, 0.7, v))
    return Piece(points, triangles, np.stack([u, v], -1), Part.TONGUE, Material.TONGUE, 0.93, shade_V=shade)


def neck() -> Piece:
    """Makes the neck."""
    v, u, triangles = _sheet(7, 17, -2.3, 2.3)
    y = -0.55 - 0.95 * v
    wide = 0.43 + 0.02 * smooth(0.4, 0, v) + 0.16 * smooth(0.7, 1.0, v)
    tendon = 0.012 * np.exp(-(((np.abs(u) - 0.5 + 0.3 * v) / 0.12) ** 2))
    points = np.stack([wide * np.sin(u), y, (wide - 0.06 + tendon) * np.cos(u) - 0.12], -1)
    follows = smooth(-1.35, -0.70, y)
    shade = 0.42 + 0.58 * smooth(-1.0, -1.5, y)
    return Piece(points, triangles, points[:, :2], Part.NECK, Material.SKIN, neck=follows, shade_V=shade)


def body() -> Piece:
    """Makes shoulders and chest."""
    v, u, triangles = _sheet(8, 21, -2.3, 2.3)
    y = curve(v, [0, 0.12, 0.3, 0.5, 1], [-1.22, -1.30, -1.40, -1.66, -2.7], 0.02)
    wide = curve(v, [0, 0.12, 0.3, 0.45, 0.6, 1], [0.47, 0.56, 1.02, 1.38, 1.56, 1.60], 0.03)
    deep = curve(v, [0, 0.12, 0.3, 0.6, 1], [0.41, 0.46, 0.56, 0.66, 0.7], 0.03)
    dip = -0.10 * np.clip(np.cos(u), 0, 1) ** 3 * smooth(0.3, 0, v)
    points = np.stack([wide * np.sin(u), y + dip, deep * np.cos(u) - 0.16], -1)
    shade = 0.75 + 0.25 * smooth(0.05, 0.4, v)
    return Piece(points, triangles, np.stack([u, v], -1), Part.BODY, Material.CLOTH, neck=0.0, shade_V=shade)


def collar() -> Piece:
    """Makes a rim that stands up round the neck; hidden in the body unless the clothes have one."""
    v, u, triangles = _sheet(2, 21, -2.3, 2.3)
    wide = 0.455 + 0.06 * v
    y = -1.46 - 0.18 * v - 0.10 * np.clip(np.cos(u), 0, 1) ** 3
    points = np.stack([wide * np.sin(u), y, (wide - 0.05) * np.cos(u) - 0.15], -1)
    uv = np.stack([u, v - 1], -1)
    return Piece(points, triangles, uv, Part.BODY, Material.CLOTH, neck=0.0)
