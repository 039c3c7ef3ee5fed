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
    sums = np.zeros((high + 1, wide + 1), np.int64)
    for y in range(high):
        line = 0
        for x in range(wide):
            line += plane[top + y, left + x]
            sums[y + 1, x + 1] = sums[y, x + 1] + line
    for row in range(plane.shape[0]):
        y, off_y = _mirrored(row - top, high)
        for column in range(plane.shape[1]):
            x, off_x = _mirrored(column - left, wide)
            if off_x or off_y:
                reach = int(SOFT * max(off_x, off_y))
                x0, x1 = max(x - reach, 0), min(x + reach + 1, wide)
                y0, y1 = max(y - reach, 0), min(y + reach + 1, high)
                total = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
                count = (x1 - x0) * (y1 - y0)
                plane[row, column] = (total + count // 2) // count


@numba.njit(cache=True, nogil=True)
def _mirrored(at, length):  # type: ignore[no-untyped-def]
    """Which of the samples is seen there, the edge's own not twice, and how far it is beyond the edge."""
    turn = max(2 * (length - 1), 1)
    beyond = max(-at, at - (length - 1), 0)
    at = at % turn
    return min(max(min(at, turn - at), 0), length - 1), beyond
