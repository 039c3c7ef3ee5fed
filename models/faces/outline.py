"""Convex outlines of points, and what lies inside of one."""

import numpy as np


def convex(points_K2: np.ndarray) -> np.ndarray:
    """Returns the corners of the least convex outline, all the way round (Andrew 1979)."""
    points = sorted({(float(x), float(y)) for x, y in points_K2})
    if len(points) < 3:
        return np.array(points).reshape(-1, 2)
    lower, upper = _half(points), _half(points[::-1])
    return np.array(lower[:-1] + upper[:-1])


def _half(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    kept: list[tuple[float, float]] = []
    for x, y in points:
        while len(kept) > 1:
            (ax, ay), (bx, by) = kept[-2:]
            if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                break
            kept.pop()
        kept.append((x, y))
    return kept


def inside(points_K2: np.ndarray, corners_C2: np.ndarray) -> np.ndarray:
    """Returns of each point whether it is in the outline; of fewer than three corners, none is."""
    if len(corners_C2) < 3:
        return np.zeros(len(points_K2), bool)
    along_C2 = np.roll(corners_C2, -1, 0) - corners_C2
    away_KC2 = points_K2[:, None] - corners_C2
    turns_KC = along_C2[:, 0] * away_KC2[..., 1] - along_C2[:, 1] * away_KC2[..., 0]
    return (turns_KC >= 0).all(1)


def filled(corners_C2: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns the outline as a mask of pixels, bool (height, width)."""
    rows, columns = np.mgrid[:height, :width]
    return inside(np.stack([columns.ravel(), rows.ravel()], 1) + 0.5, corners_C2).reshape(height, width)
