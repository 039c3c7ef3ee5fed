"""Finds the named landmarks on the sheet of skin. Left and right are the picture's."""

import numpy as np

from models.world.body.skin import MOUTH_COLUMN, Skin

CHIN_ROW, JAW_ROWS = -4, ((-4, 4), (-5, 9), (-7, 13), (-11, 17))
"""Rows from the last, and columns from the middle, of points on the jaw's line."""
EYE_MIDDLE = 24
"""Of an eyeball's 7 x 7 vertices."""


def landmarks(face: Skin, left_eye: int, right_eye: int) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Returns names, triples of vertices and barycentric weights; `left_eye` is the first vertex of that eyeball."""
    points = (
        {"left_eye": left_eye + EYE_MIDDLE, "right_eye": right_eye + EYE_MIDDLE}
        | _lids(face)
        | _grid_points(face)
        | _lips(face)
    )
    corners_L3 = np.repeat(np.array(list(points.values()))[:, None], 3, 1).astype(np.int32)
    weights_L3 = np.tile(np.array([1, 0, 0], np.float32), (len(points), 1))
    return tuple(points), corners_L3, weights_L3


def _lids(face: Skin) -> dict[str, int]:
    points: dict[str, int] = {}
    for name, (upper, lower), inwards in zip(("left", "right"), face.lids_22M, (1, -1), strict=True):
        upper, lower = upper[::inwards], lower[::inwards]
        points |= {f"{name}_eye_outer": upper[0], f"{name}_eye_inner": upper[-1]}
        points |= {f"{name}_lid_upper_outer": upper[2], f"{name}_lid_upper": upper[4]}
        points |= {f"{name}_lid_upper_inner": upper[6], f"{name}_lid_lower": lower[4]}
    return points


def _row(face: Skin, height: float) -> int:
    return int(np.abs(face.row_heights_R - height).argmin())


def _grid_points(face: Skin) -> dict[str, int]:
    grid, middle = face.grid_RC, face.grid_RC.shape[1] // 2
    places = {"nose_bridge": (_row(face, 0.17), 0), "nose_middle": (_row(face, 0.0), 0)}
    places |= {"nose_tip": (_row(face, -0.17), 0), "nose_base": (_row(face, -0.29), 0)}
    places |= {"forehead": (_row(face, 0.5), 0), "chin": (len(grid) + CHIN_ROW, 0)}
    for name, side in (("left", -1), ("right", 1)):
        places[f"{name}_nostril"] = (_row(face, -0.26), side * 2)
        places[f"{name}_nose_wing"] = (_row(face, -0.215), side * 4)
        places[f"{name}_cheek"] = (_row(face, -0.12), side * 13)
        for where, column in (("inner", 4), ("middle", 9), ("outer", 13)):
            places[f"{name}_brow_{where}"] = (_row(face, 0.345), side * column)
        for number, (row, column) in enumerate(JAW_ROWS, 1):
            places[f"{name}_jaw_{number}"] = (len(grid) + row, side * column)
    return {name: grid[row, middle + column] for name, (row, column) in places.items()}


def _lips(face: Skin) -> dict[str, int]:
    upper, lower = face.lips_2M
    middle = face.grid_RC.shape[1] // 2
    points = {"mouth_left": upper[0], "mouth_right": upper[-1]}
    top, bottom = face.grid_RC[_row(face, -0.41)], face.grid_RC[_row(face, -0.60)]
    for name, offset in (("_left", -MOUTH_COLUMN // 2), ("", 0), ("_right", MOUTH_COLUMN // 2)):
        points[f"upper_outer{name}"] = top[middle + offset]
        points[f"upper_inner{name}"] = upper[MOUTH_COLUMN + offset]
        points[f"lower_inner{name}"] = lower[MOUTH_COLUMN + offset]
        points[f"lower_outer{name}"] = bottom[middle + offset]
    return points
