"""Squares of a frame, scaled straight from the planes it was coded in: no detour over RGB.

A square may lie anywhere between pixels, so a crop that moves smoothly gives a picture that moves smoothly:
rounding to whole pixels would make it tremble. It may also lie beyond the edge. Networks see the edge's pixels
go on there; in a clip, where that would be stripes, it is a mirror that is dimmer the farther it reaches, since
a clear one would show a second mouth.
"""

from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import av
import numpy as np

from storage.media.coded_picture import Picture, plane_bytes
from storage.media.mirror import mirror
from storage.media.plane_loops import means, recolour, resample, taps, to_rgb

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
        inside = _inside(picture, area, side / square[2], grid)
        if inside != (0, 0, *grid.count):
            mirror(scaled, *inside)
        out[: grid.count[1], : grid.count[0]] = scaled
    if picture.bt709_34 is not None:
        y, u, v = (plane_bytes(p) for p in frame.planes)
        recolour(y[:side, :side], u[:, : side // 2], v[:, : side // 2], picture.bt709_34)
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
    return np.stack([means(*picture.plane(number), THUMB[1], THUMB[0]) for number in range(3)])


THUMB = (64, 36)


@dataclass(frozen=True)
class _Grid:
    """Where the samples of an output plane lie: sample j at `first + j * step`, in output pixels."""

    count: tuple[int, int]
    step: tuple[int, int]
    first: tuple[float, float]


def _corner(square: Square) -> tuple[float, float]:
    return square[0] - square[2] / 2, square[1] - square[2] / 2


def _inside(picture: Picture, corner: Any, scale: float, grid: _Grid) -> tuple[int, int, int, int]:
    """Which of the grid's samples lie in the picture: left, top, and the first beyond right and bottom."""
    low, high = [], []
    for axis in (0, 1):
        edges = [(edge - corner[axis]) * scale for edge in (0, picture.size[axis])]
        samples = [(edge - grid.first[axis]) / grid.step[axis] for edge in edges]
        low.append(min(max(ceil(samples[0]), 0), grid.count[axis]))
        high.append(max(min(floor(samples[1]) + 1, grid.count[axis]), 0))
    return low[0], low[1], high[0], high[1]


def _rgb(picture: Picture, corner: Any, scale: Any, size: tuple[int, int]) -> np.ndarray:
    luma = _Grid(size, (1, 1), (0.5, 0.5))
    chroma = _Grid(((size[0] + 1) // 2, (size[1] + 1) // 2), (2, 2), (1.0, 1.0))
    grids = enumerate((luma, chroma, chroma))
    y, u, v = (_scaled(picture, number, corner, scale, grid, LINEAR) for number, grid in grids)
    return to_rgb(y, u, v, picture.rgb_34)


def _scaled(picture: Picture, number: int, corner: Any, scale: Any, grid: _Grid, radius: int) -> np.ndarray:
    """One plane, at the grid's points, upright. Axis 0 is x, axis 1 is y, both as shown."""
    swap, flip_rows, flip_columns = picture.oriented
    coded = picture.frame.width, picture.frame.height
    plane, *extent = picture.plane(number)
    ways: list[Any] = [None, None]
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
        ways[into] = taps(grid.count[axis], (first - centre) / every, step / every, length, radius)
    out = resample(plane, *ways[1], *ways[0])
    return out.T if swap else out


def _every(coded: int, length: int) -> int:
    """Luma samples per sample of this plane; odd sizes are rounded up."""
    return 1 if coded == length else max(1, round(coded / length))
