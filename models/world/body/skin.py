"""Makes the face's skin: one sheet of rows and columns, bent to a head and slit at the mouth and the eyes.

Rows run from the crown to below the chin, columns round the head. Near the slits the rows are drawn together
towards their corners, so that the edge of a lip or a lid is always a line of the mesh.
"""

from dataclasses import dataclass

import numpy as np

MOUTH_Y, MOUTH_HALF = -0.50, 0.30
EYE_X, EYE_Y, EYE_HALF = 0.3005, 0.17, 0.1335

STEP = 0.0441
"""Share of the head's half width between two columns of the front: ten make half the mouth, four an eye."""
MOUTH_COLUMN, EYE_COLUMNS = 10, (5, 13)
SHEET_WIDTH = 0.765
"""Half width of the sheet's front, in units: the head's at its widest."""

HEIGHTS = np.array([1.23, 1.19, 1.06, 0.9, 0.7, 0.5, 0.3, 0.1, -0.1, -0.3, -0.5, -0.7, -0.85, -1.0, -1.08])
WIDTHS = np.array(
    [0.0, 0.2, 0.44, 0.61, 0.715, 0.755, 0.765, 0.76, 0.745, 0.72, 0.68, 0.645, 0.61, 0.555, 0.50]
)
DEPTHS = np.array(
    [0.0, 0.22, 0.47, 0.66, 0.785, 0.835, 0.85, 0.825, 0.81, 0.80, 0.795, 0.79, 0.775, 0.75, 0.66]
)


@dataclass(frozen=True)
class Skin:
    """The sheet, and where its slits are."""

    vertices_V3: np.ndarray
    triangles_T3: np.ndarray
    sheet_V2: np.ndarray
    """Where each vertex lies on the flat sheet: across, and height before the slits were opened."""
    column_V: np.ndarray
    """Across in units of half the mouth."""
    upper_V: np.ndarray
    """Above the mouth's seam."""
    blink_V3: np.ndarray
    """What shuts the lids."""
    lips_2M: np.ndarray
    """The seam of the mouth from corner to corner: vertices of the upper lip, and of the lower."""
    lids_22M: np.ndarray
    """Both eyes: vertices of the upper lid, and of the lower, from the picture's left."""
    grid_RC: np.ndarray
    row_heights_R: np.ndarray


def smooth(start: float, end: float, x: np.ndarray) -> np.ndarray:
    """Rises from 0 at `start` to 1 at `end`, level at both."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def bump(x: np.ndarray, y: np.ndarray, at_x: float, at_y: float, wide: float, high: float) -> np.ndarray:
    """Returns a bell over a place on the sheet."""
    return np.exp(-(((x - at_x) / wide) ** 2) - ((y - at_y) / high) ** 2)


def curve(
    y: np.ndarray, ys: np.ndarray | list, values: np.ndarray | list, blur: float | np.ndarray
) -> np.ndarray:
    """Goes through the points without corners: piecewise linear, then blurred. `ys` ascend."""
    offsets = np.linspace(-1.5, 1.5, 7)
    weights = np.exp(-(offsets**2)) / np.exp(-(offsets**2)).sum()
    along = [np.interp(y + blur * offset, ys, values) for offset in offsets]
    return np.tensordot(weights, np.stack(along), 1)


def outline(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns half width and depth of the head at a height."""
    blur = 0.06 * smooth(1.24, 0.9, y) + 1e-9
    return curve(y, HEIGHTS[::-1], WIDTHS[::-1], blur), curve(y, HEIGHTS[::-1], DEPTHS[::-1], blur)


def skin() -> Skin:
    """Makes the skin of the mean head."""
    heights_R, eye, mouth = _rows()
    angles_C = _columns()
    shape = len(heights_R), len(angles_C)
    vertices_RC3, blink_RC3 = _bend(heights_R, angles_C, eye, mouth)
    spots_RC, triangles_T3 = _weld(shape, eye, mouth)
    used_V = np.unique(triangles_T3)
    grid_RC, triangles_T3 = np.searchsorted(used_V, spots_RC), np.searchsorted(used_V, triangles_T3)
    across_C = np.sin(np.clip(angles_C, -np.pi / 2, np.pi / 2))
    round_C = np.sign(angles_C) * np.maximum(np.abs(angles_C) - np.pi / 2, 0)
    sheet_RC2 = np.stack(np.meshgrid(SHEET_WIDTH * (across_C + round_C), heights_R), -1)
    column_RC = np.broadcast_to(across_C / (STEP * MOUTH_COLUMN), shape)
    upper_RC = np.broadcast_to((np.arange(shape[0]) <= mouth)[:, None], shape)
    middle = shape[1] // 2
    lids = [grid_RC[eye : eye + 2, columns] for columns in _eye_columns(middle)]
    return Skin(
        vertices_V3=vertices_RC3.reshape(-1, 3)[used_V],
        triangles_T3=triangles_T3,
        sheet_V2=sheet_RC2.reshape(-1, 2)[used_V],
        column_V=column_RC.ravel()[used_V],
        upper_V=upper_RC.ravel()[used_V],
        blink_V3=blink_RC3.reshape(-1, 3)[used_V],
        lips_2M=grid_RC[mouth : mouth + 2, middle - MOUTH_COLUMN : middle + MOUTH_COLUMN + 1],
        lids_22M=np.stack(lids),
        grid_RC=grid_RC,
        row_heights_R=heights_R,
    )


def _eye_columns(middle: int) -> tuple[slice, slice]:
    first, last = EYE_COLUMNS
    return slice(middle - last, middle - first + 1), slice(middle + first, middle + last + 1)


def _weld(shape: tuple[int, int], eye: int, mouth: int) -> tuple[np.ndarray, np.ndarray]:
    """The sheet's vertices and triangles: twin rows are one but for the slits, which nothing bridges."""
    grid_RC = np.arange(shape[0] * shape[1]).reshape(shape)
    middle = shape[1] // 2
    lips = slice(middle - MOUTH_COLUMN, middle + MOUTH_COLUMN + 1)
    for row, slits in ((eye, _eye_columns(middle)), (mouth, (lips,))):
        open_C = np.zeros(shape[1], bool)
        for slit in slits:
            open_C[slit.start + 1 : slit.stop - 1] = True
        grid_RC[row + 1] = np.where(open_C, grid_RC[row + 1], grid_RC[row])
    parts = np.split(grid_RC, [eye + 1, mouth + 1])
    return grid_RC, np.concatenate([grid_triangles(part) for part in parts])


def grid_triangles(grid_RC: np.ndarray) -> np.ndarray:
    """Returns the triangles of a grid whose rows run downwards and columns to the right as seen from outside."""
    a, b, c, d = grid_RC[:-1, :-1], grid_RC[:-1, 1:], grid_RC[1:, :-1], grid_RC[1:, 1:]
    return np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])


def _rows() -> tuple[np.ndarray, int, int]:
    """Heights, and the rows of the upper lid's and the upper lip's edge: each is followed by its twin."""

    def rows(*spans: tuple[float, float, int]) -> np.ndarray:
        return np.concatenate([np.linspace(start, end, count, endpoint=False) for start, end, count in spans])

    upper = np.append(rows((1.23, 1.06, 2), (1.06, 0.62, 4), (0.62, 0.42, 3), (0.42, EYE_Y, 11)), EYE_Y)
    nose = rows((EYE_Y, 0.03, 6), (0.03, -0.18, 5), (-0.18, -0.34, 7), (-0.34, MOUTH_Y, 7))
    middle = np.append(nose, MOUTH_Y)
    chin = np.append(rows((MOUTH_Y, -0.66, 7), (-0.66, -1.02, 7)), [-1.02, -1.07, -1.09, -1.085, -1.06])
    return np.concatenate([upper, middle, chin]), len(upper) - 1, len(upper) + len(middle) - 1


def _columns() -> np.ndarray:
    front = np.arcsin(STEP * np.arange(1, 17))
    half = np.concatenate([front, np.radians([55, 68, 84, 108, 145])])
    return np.concatenate([-half[::-1], [0], half])


def _bend(heights_R: np.ndarray, angles_C: np.ndarray, eye: int, mouth: int) -> tuple[np.ndarray, np.ndarray]:
    v, a = np.broadcast_arrays(heights_R[:, None], angles_C[None])
    row = np.broadcast_to(np.arange(len(heights_R))[:, None], v.shape)
    wide, deep = outline(v)
    under = np.array([0.93, 0.82, 0.60, 0.35])
    deep, wide = deep.copy(), wide.copy()
    deep[-4:], wide[-4:] = (0.72 * under)[:, None], (0.51 * under**0.6)[:, None]
    x = wide * np.sin(a)
    z = deep * np.sign(np.cos(a)) * np.abs(np.cos(a)) ** 0.85 * np.where(np.cos(a) > 0, 1, 0.95)
    front = np.clip(np.cos(a) * 3, 0, 1)
    k = np.sin(a) / (STEP * MOUTH_COLUMN)
    y = _lips_height(v, k) + _jaw_line(v, a)
    z = z + front * (_features(np.abs(x), v) + _nose(np.abs(x), v) + _lips(v, k, row <= mouth))
    y, z, blink = _lids(np.abs(x), y, v, z, row <= eye, front)
    return np.stack([x, y, z], -1), blink


def _jaw_line(v: np.ndarray, a: np.ndarray) -> np.ndarray:
    """The lowest rows rise towards the ears."""
    return 0.40 * smooth(np.radians(15), np.radians(100), np.abs(a)) * smooth(-0.40, -1.05, v)


def _features(x: np.ndarray, v: np.ndarray) -> np.ndarray:
    brow = 0.05 * bump(x, v, 0.25, 0.35, 0.24, 0.08)
    socket = -0.10 * bump(x, v, EYE_X - 0.02, EYE_Y, 0.17, 0.13)
    cheek = 0.055 * bump(x, v, 0.42, -0.10, 0.17, 0.15) - 0.03 * bump(x, v, 0.46, -0.52, 0.12, 0.2)
    fold = -0.012 * bump(x - 0.28 - 0.35 * (-0.30 - v), v, 0, -0.36, 0.035, 0.12)
    chin = 0.07 * bump(x, v, 0, -0.93, 0.17, 0.11) - 0.035 * bump(x, v, 0, -0.70, 0.22, 0.05)
    philtrum = -0.012 * bump(x, v, 0, -0.37, 0.025, 0.05)
    temple = -0.03 * bump(x, v, 0.62, 0.35, 0.12, 0.22)
    return brow + socket + cheek + fold + chin + philtrum + temple


def _nose(x: np.ndarray, v: np.ndarray) -> np.ndarray:
    ridge = curve(
        v, [-0.34, -0.285, -0.23, -0.16, 0.1, 0.25, 0.4], [0, 0.04, 0.19, 0.25, 0.10, 0.03, 0], 0.025
    )
    wide = curve(v, [-0.3, -0.2, -0.1, 0.1, 0.3], [0.105, 0.105, 0.085, 0.065, 0.09], 0.03)
    wings = 0.075 * bump(x, v, 0.105, -0.215, 0.045, 0.045)
    return ridge * np.exp(-((x / wide) ** 2)) + wings


def _lips_height(v: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Draws the lips' rows together towards the corners; the upper edge gets its bow."""
    d, across = v - MOUTH_Y, np.abs(k)
    within = 0.25 + 0.75 * np.sqrt(np.clip(1 - across**2, 0, 1))
    beyond = 1 - 0.75 * np.exp(-(((across - 1) / 0.5) ** 2))
    narrow = np.where(across < 1, within, beyond)
    far = smooth(0.085, 0.21, np.abs(d))
    bow = np.exp(-(((across - 0.22) / 0.16) ** 2)) - 0.8 * np.exp(-((across / 0.1) ** 2))
    return v + d * (narrow - 1) * (1 - far) + 0.012 * bow * np.exp(-(((d - 0.09) / 0.04) ** 2))


def _lips(v: np.ndarray, k: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Both lips curl inwards to the same depth at the seam, so that they meet."""
    d = np.where(upper, v - MOUTH_Y, MOUTH_Y - v)
    crest, height, wide = np.where(upper[..., None], (0.050, 0.070, 0.045), (0.055, 0.085, 0.050)).transpose(
        2, 0, 1
    )
    full = np.sqrt(np.clip(1 - (k / 1.05) ** 2, 0, 1))
    bulge = height * np.exp(-(((d - crest) / wide) ** 2))
    at_seam = height * np.exp(-((crest / wide) ** 2)) + 0.008
    muzzle = 0.03 * np.exp(-((k / 1.3) ** 2) - (d / 0.25) ** 2)
    return full * (bulge - at_seam * np.exp(-((d / 0.02) ** 2))) + muzzle


BALL_RADIUS, BALL_Z = 0.185, 0.545
UPPER_LID, LOWER_LID = 0.062, 0.036
LID = 0.014
"""How far the lids stand off the eyeball."""


def _lids(
    x: np.ndarray, y: np.ndarray, v: np.ndarray, z: np.ndarray, upper: np.ndarray, front: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Opens the slit to an almond and lays the skin round it over the eyeball; also what shuts it again."""
    d = v - EYE_Y
    t = np.clip(np.abs(x - EYE_X) / EYE_HALF, 0, 1)
    almond = (1 - t**2) ** 0.8 * (front > 0)
    near = np.clip(1 - np.abs(d) / 0.16, 0, 1)
    opened = np.where(upper, UPPER_LID, -LOWER_LID) * almond * near
    shut = np.where(upper, -1.04 * (UPPER_LID + LOWER_LID), 0) * almond * near**2
    y = y + opened

    def over_ball(height: np.ndarray) -> np.ndarray:
        off2 = (x - EYE_X) ** 2 + (height - EYE_Y) ** 2
        return BALL_Z + np.sqrt(np.clip((BALL_RADIUS + LID) ** 2 - off2, 1e-4, None))

    weight = smooth(0.24, 0.12, np.hypot((x - EYE_X) * 0.95, (y - EYE_Y) * 1.25)) * front
    lid = z + weight * (over_ball(y) - z)
    blink = np.stack([0 * x, shut, weight * (over_ball(y + shut) - over_ball(y))], -1)
    return y, lid, blink
