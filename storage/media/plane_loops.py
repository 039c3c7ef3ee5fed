"""The compiled loops that crop.py runs over planes: scaling, mixing to colours, averaging. Compiled on first use.

Everything is done by whole rows, since these are what vector units like. A picture is scaled in bands of
TILE rows that stay in the cache: mixed down, turned, mixed again (which is now across), and turned back.
"""

import numba
import numpy as np

TILE = 64
"""Rows at a time: long enough for vector units, and short enough for the cache."""
AT_ONCE = 4
"""Rows that are mixed at once: the sum is loaded and stored that much less often."""


@numba.njit(cache=True, nogil=True)
def taps(count, first, step, length, radius):  # type: ignore[no-untyped-def]
    """For each output sample the input samples that make it, and their weights."""
    stretch = max(1.0, abs(step))
    reach = radius * stretch
    width = AT_ONCE * int(np.ceil(2 * reach / AT_ONCE))
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
def resample(source, row_index, row_weight, column_index, column_weight):  # type: ignore[no-untyped-def]
    left, right = column_index.min(), column_index.max() + 1
    rows, columns = len(row_index), len(column_index)
    out = np.empty((rows, columns), np.uint8)
    # Zeros, since what a sum starts from is multiplied by 0, which leaves a NaN as it is.
    lines, turned = np.zeros((TILE, right - left), np.float32), np.empty((right - left, TILE), np.float32)
    mixed, bytes_ = np.zeros((columns, TILE), np.float32), np.empty((columns, TILE), np.uint8)
    for first in range(0, rows, TILE):
        last = min(first + TILE, rows)
        _mix_rows(source, left, row_index[first:last], row_weight[first:last], lines)
        _turn(lines, turned)
        _mix_rows(turned, 0, column_index - left, column_weight, mixed)
        for c in range(columns):
            _to_bytes(mixed[c], bytes_[c])
        _turn_back(bytes_, out[first:last])
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)
def _mix_rows(source, left, index, weight, lines):  # type: ignore[no-untyped-def]
    width = lines.shape[1]
    for k in range(len(index)):
        line, i, w = lines[k], index[k], weight[k]
        for t in range(0, index.shape[1], AT_ONCE):
            kept = np.float32(t > 0)
            a, b, c, d = w[t], w[t + 1], w[t + 2], w[t + 3]
            row_a, row_b = source[i[t], left : left + width], source[i[t + 1], left : left + width]
            row_c, row_d = source[i[t + 2], left : left + width], source[i[t + 3], left : left + width]
            for x in range(width):
                one = a * np.float32(row_a[x]) + b * np.float32(row_b[x])
                line[x] = kept * line[x] + one + c * np.float32(row_c[x]) + d * np.float32(row_d[x])


@numba.njit(cache=True, nogil=True)
def _turn(lines, turned):  # type: ignore[no-untyped-def]
    """In strips, so that whole lines of the cache are written."""
    for first in range(0, TILE, 16):
        for x in range(len(turned)):
            for k in range(16):
                turned[x, first + k] = lines[first + k, x]


@numba.njit(cache=True, nogil=True)
def _turn_back(turned, out):  # type: ignore[no-untyped-def]
    for k in range(len(out)):
        row = out[k]
        for x in range(len(row)):
            row[x] = turned[x, k]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _to_bytes(line, out):  # type: ignore[no-untyped-def]
    for x in range(len(line)):
        out[x] = np.uint8(np.int32(min(max(line[x] + np.float32(0.5), np.float32(0)), np.float32(255))))


@numba.njit(cache=True, nogil=True, fastmath=True)
def _tint(u, v, m, half, tint):  # type: ignore[no-untyped-def]
    """What a row of chroma adds to the two rows of pixels that share it; `half` is room for as many as there are."""
    for c in range(len(half)):
        half[c] = m[1] * u[c] + m[2] * v[c] + m[3]
    for c in range(len(half)):
        tint[2 * c] = tint[2 * c + 1] = half[c]


@numba.njit(cache=True, nogil=True, fastmath=True)
def to_rgb(y, u, v, m):  # type: ignore[no-untyped-def]
    """Planes of 4:2:0 to (H, W, 3); `m` as Picture.rgb_34."""
    height, width = y.shape
    out = np.empty((height, width, 3), np.uint8)
    half, tint = np.empty(u.shape[1], np.float32), np.empty((3, 2 * u.shape[1]), np.float32)
    line, bytes_ = np.empty(width, np.float32), np.empty((3, width), np.uint8)
    for r in range(height):
        for k in range(3):
            if r % 2 == 0:
                _tint(u[r // 2], v[r // 2], m[k], half, tint[k])
            for c in range(width):
                line[c] = m[k, 0] * y[r, c] + tint[k, c]
            _to_bytes(line, bytes_[k])
        for c in range(width):
            out[r, c, 0], out[r, c, 1], out[r, c, 2] = bytes_[0, c], bytes_[1, c], bytes_[2, c]
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)
def recolour(y, u, v, m):  # type: ignore[no-untyped-def]
    """In place. Grey stays grey in every matrix, so chroma needs no luma."""
    width = y.shape[1]
    half, tint = np.empty(u.shape[1], np.float32), np.empty(2 * u.shape[1], np.float32)
    line = np.empty(width, np.float32)
    for r in range(y.shape[0]):
        if r % 2 == 0:
            _tint(u[r // 2], v[r // 2], m[0], half, tint)
        for c in range(width):
            line[c] = m[0, 0] * y[r, c] + tint[c]
        _to_bytes(line, y[r])
    for r in range(y.shape[0] // 2):
        for c in range(y.shape[1] // 2):
            a, b = np.float32(u[r, c]), np.float32(v[r, c])
            for plane, k in ((u, 1), (v, 2)):
                value = m[k, 1] * a + m[k, 2] * b + m[k, 3] + np.float32(0.5)
                plane[r, c] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))


@numba.njit(cache=True, nogil=True)
def means(plane, height, width, rows, columns):  # type: ignore[no-untyped-def]
    """Means over a grid of cells, each from at most some 4 of its rows."""
    out = np.empty((rows, columns), np.float32)
    sums = np.empty(width, np.uint16)
    for r in range(rows):
        top, bottom = r * height // rows, max((r + 1) * height // rows, r * height // rows + 1)
        used = range(min(top, height - 1), min(bottom, height), max(1, (bottom - top) // 4))
        sums[:] = 0
        for i in used:
            row = plane[i, :width]
            for x in range(width):
                sums[x] += row[x]
        for c in range(columns):
            left, right = c * width // columns, max((c + 1) * width // columns, c * width // columns + 1)
            left, right = min(left, width - 1), min(right, width)
            total = 0
            for x in range(left, right):
                total += sums[x]
            out[r, c] = np.float32(total) / ((right - left) * len(used))
    return out
