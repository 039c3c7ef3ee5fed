"""Boxes (x, y, width, height) and crops, as every back-end needs them."""

import numpy as np

Box = tuple[float, float, float, float]


def hull(points_K2: np.ndarray) -> Box:
    """Returns the box that just holds the points."""
    (left, top), (right, bottom) = points_K2.min(0), points_K2.max(0)
    return float(left), float(top), float(right - left), float(bottom - top)


def square_around(box: Box, margin: float) -> Box:
    """Returns the square about the same middle, its side `margin` times the box's longer one."""
    side = margin * max(box[2:])
    return box[0] + box[2] / 2 - side / 2, box[1] + box[3] / 2 - side / 2, side, side


def overlap(one: Box, other: Box) -> float:
    """Returns the intersection of two boxes over their union."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(wide, 0.0) * max(high, 0.0)
    return shared / max(one[2] * one[3] + other[2] * other[3] - shared, 1e-9)


def distinct(boxes: list[Box], same: float = 0.3) -> list[Box]:
    """Returns boxes, largest first, without those that show a face already listed."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: -box[2] * box[3]):
        if all(overlap(box, other) < same for other in kept):
            kept.append(box)
    return kept


def crop(rgb_HWC: np.ndarray, box: Box) -> np.ndarray:
    """Cuts the pixels in the box out, rounded; black where it sticks out of the picture."""
    left, top, wide, high = (round(value) for value in box)
    out = np.zeros((max(high, 1), max(wide, 1), *rgb_HWC.shape[2:]), rgb_HWC.dtype)
    inside = rgb_HWC[max(top, 0) : max(top + high, 0), max(left, 0) : max(left + wide, 0)]
    if inside.size:
        y, x = max(-top, 0), max(-left, 0)
        out[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return out
