"""Squares of a frame, scaled straight from the planes it was coded in: no detour over RGB.

A square may lie anywhere between pixels and beyond the edge, where the edge's pixels go on. So a crop that
moves smoothly gives a picture that moves smoothly: rounding to whole pixels would make it tremble.
"""

from dataclasses import dataclass
from typing import Any

import av
import numba
import numpy as np

from storage.picture import Picture, plane_bytes

Square = tuple[float, float, float]
"""Centre x, y and side, in pixels as shown."""

CUBIC, LINEAR = 2, 1
"""Radius of the filters, in pixels of the coarser picture."""


def crop_yuv(picture: Picture, square: Square, side: int) -> av.VideoFrame:
    """The square as yuv420p of `side` x `side`, BT.709, limited range."""
    frame = av.VideoFrame(side, side, "yuv420p")
    area = _corner(square)
    luma = _Grid((side, side), (1, 1), (0.5, 0.5))
    chroma = _Grid((side // 2, side // 2), (2, 2), (0.5, 1.0))
    for number, grid in enumerate((luma, chroma, chroma)):
        plane = frame.planes[number]
        out = plane_bytes(plane)
        scaled = _scaled(picture, number, area, (side / square[2],) * 2, grid, CUBIC)
        out[: grid.count[1], : grid.count[0]] = scaled
    if picture.bt709_34 is not None:
        y, u, v = (plane_bytes(p) for p in frame.planes)
        _recolour(y[:side, :side], u[:, : side // 2], v[:, : side // 2], picture.bt709_34)
    return frame


def crop_rgb(picture: Picture, square: Square, side: int) -> np.ndarray:
    """The square as RGB, `side` x `side`, softer and cheaper than a clip: for networks to look at."""
    return _rgb(picture, _corner(square), (side / square[2],) * 2, (side, side))


def whole_rgb(picture: Picture, longest: int) -> tuple[np.ndarray, float]:
    """All of it, shrunk until neither side is above `longest`; and the scale."""
    width, height = picture.size
    scale = min(1.0, longest / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return _rgb(picture, (0.0, 0.0), (size[0] / width, size[1] / height), size), scale


def outside_share(picture: Picture, square: Square) -> float:
    """How much of the square lies beyond the picture."""
    (left, top), side = _corner(square), square[2]
    wide = min(left + side, picture.size[0]) - max(left, 0.0)
    high = min(top + side, picture.size[1]) - max(top, 0.0)
    return max(0.0, 1.0 - max(wide, 0.0) * max(high, 0.0) / side**2)


def thumbnail(picture: Picture) -> np.ndarray:
    """float32 (3, h, w), as coded: small, blurred against noise, and nearly free; for comparing frames."""
    return np.stack([_means(*picture.plane(number), THUMB[1], THUMB[0]) for number in range(3)])


THUMB = (64, 36)
ROWS = 16


@dataclass(frozen=True)
class _Grid:
    """Where the samples of an output plane lie: sample j at `first + j * step`, in output pixels."""

    count: tuple[int, int]
    step: tuple[int, int]
    first: tuple[float, float]


def _corner(square: Square) -> tuple[float, float]:
    return square[0] - square[2] / 2, square[1] - square[2] / 2


def _rgb(picture: Picture, corner: Any, scale: Any, size: tuple[int, int]) -> np.ndarray:
    luma = _Grid(size, (1, 1), (0.5, 0.5))
    chroma = _Grid(((size[0] + 1) // 2, (size[1] + 1) // 2), (2, 2), (1.0, 1.0))
    grids = enumerate((luma, chroma, chroma))
    y, u, v = (_scaled(picture, number, corner, scale, grid, LINEAR) for number, grid in grids)
    return _mixed(y, u, v, picture.rgb_34)


def _scaled(picture: Picture, number: int, corner: Any, scale: Any, grid: _Grid, radius: int) -> np.ndarray:
    """One plane, at the grid's points, upright. Axis 0 is x, axis 1 is y, both as shown."""
    swap, flip_rows, flip_columns = picture.oriented
    coded = picture.frame.width, picture.frame.height
    plane, *extent = picture.plane(number)
    taps: list[Any] = [None, None]
    for axis, flip in ((0, flip_columns), (1, flip_rows)):
        into = 1 - axis if swap else axis
        length = extent[1 - into]
        stretch = coded[into] / picture.size[axis]
        first = (corner[axis] + grid.first[axis] / scale[axis]) * stretch
        step = grid.step[axis] / scale[axis] * stretch
        if flip:
            first, step = coded[into] - first, -step
        every = _every(coded[into], length)
        # Chroma lies beside every second luma column (H.273's default), and between two rows.
        centre = every / 2 if into == 1 else 0.5
        taps[into] = _taps(grid.count[axis], (first - centre) / every, step / every, length, radius)
    out = _resample(plane, *taps[1], *taps[0])
    return out.T if swap else out


def _every(coded: int, length: int) -> int:
    """Luma samples per sample of this plane; odd sizes are rounded up."""
    return 1 if coded == length else max(1, round(coded / length))


@numba.njit(cache=True, nogil=True)
def _taps(count, first, step, length, radius):  # type: ignore[no-untyped-def]
    """For each output sample the input samples that make it, and their weights."""
    stretch = max(1.0, abs(step))
    reach = radius * stretch
    width = int(np.ceil(2 * reach)) + 1
    index = np.empty((count, width), np.int32)
    weight = np.empty((count, width), np.float32)
    for j in range(count):
        at = first + j * step
        start = int(np.ceil(at - reach))
        total = 0.0
        for t in range(width):
            away = abs(start + t - at) / stretch
            if radius == 1:
                w = max(0.0, 1.0 - away)
            elif away < 1:
                w = (1.5 * away - 2.5) * away * away + 1
            elif away < 2:
                w = ((-0.5 * away + 2.5) * away - 4) * away + 2
            else:
                w = 0.0
            index[j, t] = min(max(start + t, 0), length - 1)
            weight[j, t] = w
            total += w
        for t in range(width):
            weight[j, t] /= total
    return index, weight


@numba.njit(cache=True, nogil=True, fastmath=True)
def _resample(plane, row_index, row_weight, column_index, column_weight):  # type: ignore[no-untyped-def]
    """Both ways by whole rows, turning the picture each time: rows are what vector units like."""
    left, right = column_index.min(), column_index.max() + 1
    turned = np.empty((right - left, len(row_index)), np.float32)
    _mix_rows(plane, left, row_index, row_weight, turned, np.float32(0))
    out = np.empty((len(row_index), len(column_index)), np.uint8)
    _mix_rows(turned, 0, column_index - left, column_weight, out, np.float32(0.5))
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)
def _mix_rows(source, left, index, weight, turned, rounding):  # type: ignore[no-untyped-def]
    """Weighted sums of rows; they become columns, a few at a time so that writing stays in the cache."""
    rows, width = len(index), len(turned)
    some = np.empty((ROWS, width), np.float32)
    for first in range(0, rows, ROWS):
        count = min(ROWS, rows - first)
        for k in range(count):
            line = some[k]
            line[:] = rounding
            for t in range(index.shape[1]):
                w, row = weight[first + k, t], source[index[first + k, t], left : left + width]
                if w != 0:
                    for x in range(width):
                        line[x] += w * row[x]
        for x in range(width):
            for k in range(count):
                turned[x, first + k] = min(max(some[k, x], np.float32(0)), np.float32(255))


@numba.njit(cache=True, nogil=True, fastmath=True)
def _mixed(y, u, v, m):  # type: ignore[no-untyped-def]
    out = np.empty((y.shape[0], y.shape[1], 3), np.uint8)
    for r in range(y.shape[0]):
        for c in range(y.shape[1]):
            for k in range(3):
                value = m[k, 0] * y[r, c] + m[k, 1] * u[r // 2, c // 2] + m[k, 2] * v[r // 2, c // 2]
                value += m[k, 3] + np.float32(0.5)
                out[r, c, k] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)
def _recolour(y, u, v, m):  # type: ignore[no-untyped-def]
    """In place. Grey stays grey in every matrix, so chroma needs no luma."""
    for r in range(y.shape[0]):
        for c in range(y.shape[1]):
            value = m[0, 0] * y[r, c] + m[0, 1] * u[r // 2, c // 2] + m[0, 2] * v[r // 2, c // 2] + m[0, 3]
            y[r, c] = np.uint8(min(max(value + np.float32(0.5), np.float32(0)), np.float32(255)))
    for r in range(y.shape[0] // 2):
        for c in range(y.shape[1] // 2):
            a, b = np.float32(u[r, c]), np.float32(v[r, c])
            for plane, k in ((u, 1), (v, 2)):
                value = m[k, 1] * a + m[k, 2] * b + m[k, 3] + np.float32(0.5)
                plane[r, c] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))


@numba.njit(cache=True, nogil=True)
def _means(plane, height, width, rows, columns):  # type: ignore[no-untyped-def]
    """Means over a grid of cells, each from at most some 4 x 4 of its pixels."""
    out = np.empty((rows, columns), np.float32)
    for r in range(rows):
        top, bottom = r * height // rows, max((r + 1) * height // rows, r * height // rows + 1)
        down = max(1, (bottom - top) // 4)
        for c in range(columns):
            left, right = c * width // columns, max((c + 1) * width // columns, c * width // columns + 1)
            over = max(1, (right - left) // 4)
            total, count = 0.0, 0
            for i in range(min(top, height - 1), min(bottom, height), down):
                for j in range(min(left, width - 1), min(right, width), over):
                    total += plane[i, j]
                    count += 1
            out[r, c] = total / count
    return out
