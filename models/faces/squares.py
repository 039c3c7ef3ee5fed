"""Squares of a picture in which faces are sought, and pixels of one that repeats what lies at the picture's edge."""

from collections.abc import Iterator

import numpy as np

from models.faces.boxes import Box

MOST = 64
"""More squares of one size than this are not looked at: a picture that takes more is a strip, in which nobody is filmed.
A picture twelve times as wide as it is high takes as many."""


def squares(width: int, height: int, side: float) -> Iterator[Box]:
    """Yields squares that cover the picture, each overlapping the next by at least half: a face is whole in one of them.

    Yields none where that takes more than MOST.
    """
    columns, rows = (int(np.ceil(2 * (length - side) / side)) + 1 for length in (width, height))
    if columns * rows > MOST:
        return
    for y in np.linspace(0, height - side, rows):
        for x in np.linspace(0, width - side, columns):
            yield float(x), float(y), side, side


def edged(rgb_HWC: np.ndarray, box: Box) -> tuple[np.ndarray, tuple[int, int]]:
    """Returns a picture that covers the box, the pixels at the edge repeated where it sticks out, and its corner.

    It is the picture itself where nothing sticks out. Of what lies farther out than the picture is long, nothing.
    """
    height, width = rgb_HWC.shape[:2]
    left, right = (int(np.clip(x, -width, 2 * width)) for x in (np.floor(box[0]), np.ceil(box[0] + box[2])))
    top, bottom = (int(np.clip(y, -height, 2 * height)) for y in (np.floor(box[1]), np.ceil(box[1] + box[3])))
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        return rgb_HWC, (0, 0)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    rows, columns = _within(top, bottom, height), _within(left, right, width)
    around = (rows.start - top, bottom - rows.stop), (columns.start - left, right - columns.stop), (0, 0)
    return np.pad(rgb_HWC[rows, columns], np.maximum(around, 0), "edge")[: bottom - top, : right - left], (
        left,
        top,
    )


def _within(first: int, last: int, length: int) -> slice:
    """What of a span lies within a length; where nothing does, the nearest."""
    start = min(max(first, 0), length - 1)
    return slice(start, max(min(last, length), start + 1))
