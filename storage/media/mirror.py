"""Paints what lies beyond a picture's edge: what a mirror at the edge would show, the softer the farther. Compiled on
first use, as plane_loops.py is.
"""

import numba
import numpy as np

SOFT = 0.6
"""Reach of the mean that a mirrored sample is, over its way from the edge: a mouth behind a chin stays unseen."""


@numba.njit(cache=True, nogil=True)
def mirror(plane, left, top, right, bottom):  # type: ignore[no-untyped-def]
    """Paints what is outside with what a mirror at the edge shows, the softer the farther; nothing if all is outside.

    Means come from a table of sums (Crow 1984), so a wide one costs as much as a narrow one.
    """
    wide, high = right - left, bottom - top
    if wide <= 0 or high <= 0:
        return
    rows, columns = plane.shape
    first_y, last_y, first_x, last_x = 0, high, 0, wide
    if wide == columns:
        first_y, last_y = _shown(top, rows - bottom, high)
    elif high == rows:
        first_x, last_x = _shown(left, columns - right, wide)
    sums = np.zeros((last_y - first_y + 1, last_x - first_x + 1), np.int64)
    for y in range(first_y, last_y):
        line, above, here = 0, sums[y - first_y], sums[y - first_y + 1]
        for x in range(first_x, last_x):
            line += plane[top + y, left + x]
            here[x - first_x + 1] = above[x - first_x + 1] + line
    for row in range(rows):
        y, off_y = _mirrored(row - top, high)
        for column in range(columns):
            if off_y == 0 and column == left:
                break
            _paint(plane, sums, row, column, y, off_y, column - left, high, wide, first_y, first_x)
        for column in range(right if off_y == 0 else columns, columns):
            _paint(plane, sums, row, column, y, off_y, column - left, high, wide, first_y, first_x)


@numba.njit(cache=True, nogil=True)
def _paint(plane, sums, row, column, y, off_y, at_x, high, wide, first_y, first_x):  # type: ignore[no-untyped-def]
    x, off_x = _mirrored(at_x, wide)
    reach = int(SOFT * max(off_x, off_y))
    x0, x1 = max(x - reach, 0) - first_x, min(x + reach + 1, wide) - first_x
    y0, y1 = max(y - reach, 0) - first_y, min(y + reach + 1, high) - first_y
    total = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
    count = (x1 - x0) * (y1 - y0)
    plane[row, column] = (total + count // 2) // count


@numba.njit(cache=True, nogil=True)
def _shown(before, after, length):  # type: ignore[no-untyped-def]
    """Which of the samples are seen beyond the edges of one axis, if nothing is beyond those of the other."""
    farthest = max(before, after)
    most = farthest + int(SOFT * farthest) + 2
    if most >= length or (before and after):
        return 0, length
    return (0, most) if before else (length - most, length)


@numba.njit(cache=True, nogil=True)
def _mirrored(at, length):  # type: ignore[no-untyped-def]
    """Which of the samples is seen there, the edge's own not twice, and how far it is beyond the edge."""
    turn = max(2 * (length - 1), 1)
    beyond = max(-at, at - (length - 1), 0)
    at = at % turn
    return min(max(min(at, turn - at), 0), length - 1), beyond
