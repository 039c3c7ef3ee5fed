"""Shrinks, crops and turns pictures in one pass, for networks that take small ones.

Points are continuous: the middle of the first pixel is (0.5, 0.5). A map is a 2x3 matrix that takes points
of the picture that is made to points of the picture that is there.
"""

import numba
import numpy as np

MAX_TAPS = 6
"""Samples a side that are averaged into a pixel: enough to shrink by six without flicker."""


def warp(rgb_HWC: np.ndarray, to_source_23: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the picture under a map, float32 (3, height, width), 0..255.

    Black outside the source. `size` is (width, height).
    """
    assert rgb_HWC.dtype == np.uint8
    out_CHW, taps = np.empty((3, size[1], size[0]), np.float32), _taps(to_source_23)
    upright = to_source_23[0, 1] == to_source_23[1, 0] == 0
    sample = _smooth if taps == 1 else _averaged_upright if upright else _averaged
    sample(np.ascontiguousarray(rgb_HWC), np.asarray(to_source_23, np.float64), taps, out_CHW)
    return out_CHW


def pixels(
    rgb_HWC: np.ndarray, to_source_23: np.ndarray, columns_P: np.ndarray, rows_P: np.ndarray
) -> np.ndarray:
    """Returns only these pixels of what `warp` makes, float32 (3, P)."""
    assert rgb_HWC.dtype == np.uint8
    out_3P = np.empty((3, len(rows_P)), np.float32)
    _picked(rgb_HWC, np.asarray(to_source_23, np.float64), _taps(to_source_23), columns_P, rows_P, out_3P)
    return out_3P


def _taps(to_source_23: np.ndarray) -> int:
    shrink = float(np.sqrt(abs(np.linalg.det(to_source_23[:, :2]))))
    return 1 if shrink <= 1.2 else min(int(np.ceil(shrink)) + 1, MAX_TAPS)


def scaling(scale: float) -> np.ndarray:
    """Returns the map to a picture that is so many times as large."""
    return np.array([[scale, 0, 0], [0, scale, 0]], np.float64)


def turned_square(centre: tuple[float, float], side: float, degrees: float, pixels: int) -> np.ndarray:
    """Returns the map from a picture of `pixels` squared to the square of that side, its top leaning right by `degrees`."""
    angle, scale = np.radians(degrees), side / pixels
    turn_22 = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([turn_22, np.asarray(centre) - turn_22 @ [pixels / 2, pixels / 2]])


def similarity(from_K2: np.ndarray, to_K2: np.ndarray) -> np.ndarray:
    """Finds the turn, scale and shift that bring the points nearest to the others, by least squares.

    In the plane these are one complex factor and one complex offset, which spares Umeyama's decomposition.
    """
    here, there = (points_K2.astype(np.float64) @ [1, 1j] for points_K2 in (from_K2, to_K2))
    inner, outer = here - here.mean(), there - there.mean()
    factor = (inner.conj() @ outer) / max((inner.conj() @ inner).real, 1e-12)
    offset = there.mean() - factor * here.mean()
    return np.array([[factor.real, -factor.imag, offset.real], [factor.imag, factor.real, offset.imag]])


def apply(map_23: np.ndarray, points_K2: np.ndarray) -> np.ndarray:
    """Returns points under a map."""
    return points_K2 @ map_23[:, :2].T + map_23[:, 2]


def inverse(map_23: np.ndarray) -> np.ndarray:
    """Returns the map that undoes another."""
    back_22 = np.linalg.inv(map_23[:, :2])
    return np.column_stack([back_22, -back_22 @ map_23[:, 2]])


@numba.njit(cache=True, nogil=True)
def _smooth(rgb_HWC, m, _taps, out_CHW):
    _, high, wide = out_CHW.shape
    if _within(rgb_HWC, m, wide, high):
        return _smooth_within(rgb_HWC, m, out_CHW)
    for y in range(high):
        for x in range(wide):
            out_CHW[0, y, x], out_CHW[1, y, x], out_CHW[2, y, x] = _between(rgb_HWC, m, x, y)
    return None


@numba.njit(cache=True, nogil=True)
def _within(rgb_HWC, m, wide, high):
    """Whether all four neighbours of all pixels are in the picture, as they are if those of the corners are."""
    height, width = rgb_HWC.shape[:2]
    for x in (0, wide - 1):
        for y in (0, high - 1):
            u = m[0, 0] * (x + 0.5) + m[0, 1] * (y + 0.5) + m[0, 2] - 0.5
            v = m[1, 0] * (x + 0.5) + m[1, 1] * (y + 0.5) + m[1, 2] - 0.5
            if u < 0 or v < 0 or u >= width - 1 or v >= height - 1:
                return False
    return True


@numba.njit(cache=True, nogil=True)
def _smooth_within(rgb_HWC, m, out_CHW):
    """The same sums as `_between`, with nothing to look out for."""
    for y in range(out_CHW.shape[1]):
        for x in range(out_CHW.shape[2]):
            u = m[0, 0] * (x + 0.5) + m[0, 1] * (y + 0.5) + m[0, 2] - 0.5
            v = m[1, 0] * (x + 0.5) + m[1, 1] * (y + 0.5) + m[1, 2] - 0.5
            left, top = np.uint64(u), np.uint64(v)
            one = np.uint64(1)
            a, b = u - left, v - top
            for c in range(3):
                out_CHW[c, y, x] = (
                    (1 - a) * (1 - b) * rgb_HWC[top, left, c]
                    + a * (1 - b) * rgb_HWC[top, left + one, c]
                    + (1 - a) * b * rgb_HWC[top + one, left, c]
                    + a * b * rgb_HWC[top + one, left + one, c]
                )


@numba.njit(cache=True, nogil=True)
def _averaged(rgb_HWC, m, taps, out_CHW):
    for y in range(out_CHW.shape[1]):
        for x in range(out_CHW.shape[2]):
            out_CHW[0, y, x], out_CHW[1, y, x], out_CHW[2, y, x] = _mean(rgb_HWC, m, taps, x, y)


@numba.njit(cache=True, nogil=True)
def _picked(rgb_HWC, m, taps, columns_P, rows_P, out_3P):
    for n in range(len(rows_P)):
        x, y = columns_P[n], rows_P[n]
        value = _between(rgb_HWC, m, x, y) if taps == 1 else _mean(rgb_HWC, m, taps, x, y)
        out_3P[0, n], out_3P[1, n], out_3P[2, n] = value


@numba.njit(cache=True, nogil=True)
def _between(rgb_HWC, m, x, y):
    """One pixel, from the four that are nearest to it."""
    height, width = rgb_HWC.shape[:2]
    u = m[0, 0] * (x + 0.5) + m[0, 1] * (y + 0.5) + m[0, 2] - 0.5
    v = m[1, 0] * (x + 0.5) + m[1, 1] * (y + 0.5) + m[1, 2] - 0.5
    left, top = int(np.floor(u)), int(np.floor(v))
    red = green = blue = 0.0
    for j in range(2):
        for i in range(2):
            if 0 <= left + i < width and 0 <= top + j < height:
                weight = (1 - abs(u - left - i)) * (1 - abs(v - top - j))
                red += weight * rgb_HWC[top + j, left + i, 0]
                green += weight * rgb_HWC[top + j, left + i, 1]
                blue += weight * rgb_HWC[top + j, left + i, 2]
    return red, green, blue


@numba.njit(cache=True, nogil=True)
def _mean(rgb_HWC, m, taps, x, y):
    """One pixel, from `taps` by `taps` places in it."""
    height, width = rgb_HWC.shape[:2]
    red = green = blue = 0
    for j in range(taps):
        for i in range(taps):
            a, b = x + (i + 0.5) / taps, y + (j + 0.5) / taps
            u = int(np.floor(m[0, 0] * a + m[0, 1] * b + m[0, 2]))
            v = int(np.floor(m[1, 0] * a + m[1, 1] * b + m[1, 2]))
            if 0 <= u < width and 0 <= v < height:
                red += rgb_HWC[v, u, 0]
                green += rgb_HWC[v, u, 1]
                blue += rgb_HWC[v, u, 2]
    return red / taps**2, green / taps**2, blue / taps**2


@numba.njit(cache=True, nogil=True)
def _averaged_upright(rgb_HWC, m, taps, out_CHW):
    """The same sums as `_averaged` where nothing is turned: rows that share a pixel are added up before columns are."""
    (height, width), (_, high, wide) = rgb_HWC.shape[:2], out_CHW.shape
    columns = np.empty(wide * taps, np.int64)
    for n in range(wide * taps):
        columns[n] = int(np.floor(m[0, 0] * (n // taps + (n % taps + 0.5) / taps) + m[0, 2]))
    begin, end = 3 * max(columns.min(), 0), 3 * min(columns.max() + 1, width)
    rows_HV = rgb_HWC.reshape((height, 3 * width))
    sums_V = np.empty(3 * width, np.int32)
    for y in range(high):
        sums_V[:] = 0
        for j in range(taps):
            v = int(np.floor(m[1, 1] * (y + (j + 0.5) / taps) + m[1, 2]))
            if 0 <= v < height:
                row_V, into_V = rows_HV[v, begin:end], sums_V[begin:end]
                for k in range(len(into_V)):
                    into_V[k] += np.int32(row_V[k])
        for x in range(wide):
            red = green = blue = 0
            for n in range(x * taps, x * taps + taps):
                u = columns[n]
                if 0 <= u < width:
                    red += sums_V[3 * u]
                    green += sums_V[3 * u + 1]
                    blue += sums_V[3 * u + 2]
            out_CHW[0, y, x] = red / taps**2
            out_CHW[1, y, x] = green / taps**2
            out_CHW[2, y, x] = blue / taps**2
