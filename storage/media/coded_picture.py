"""A frame as it was coded, and what must be known to show it: turned how, and in which colours."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import av
import numpy as np

Orientation = tuple[bool, bool, bool]
"""Swap axes, flip up-down, flip left-right: in that order, from coded to shown."""

UPRIGHT: Orientation = (False, False, False)
MAX_STRETCH = 4.0
"""No format has longer pixels; a header that says so is broken, and would make the picture enormous."""

KR_KB = {1: (0.2126, 0.0722), 7: (0.212, 0.087), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
"""Luma's shares of red and blue by H.273's matrix number; all others are BT.601."""
BT601 = (0.299, 0.114)


@dataclass(frozen=True)
class Picture:
    """One frame of a source as it was coded, and how it is to be shown."""

    frame: av.VideoFrame
    """8-bit planar YUV."""
    size: tuple[int, int]
    """Width and height as shown: upright, with square pixels."""
    oriented: Orientation
    rgb_34: np.ndarray
    """From Y, U, V to R, G, B, all 0..255; the last column is added."""
    bt709_34: np.ndarray | None
    """To BT.709 of limited range; None when it is that already."""

    def plane(self, number: int) -> tuple[np.ndarray, int, int]:
        """Rows as they lie in memory (longer than the picture is wide), and the plane's height and width."""
        plane = self.frame.planes[number]
        return plane_bytes(plane), plane.height, plane.width


def plane_bytes(plane: Any) -> np.ndarray:
    """Rows as they lie in memory: longer than the picture is wide."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)


def orientation(frame: av.VideoFrame) -> Orientation:
    """(swap axes, flip up-down, flip left-right) that the display matrix asks for, in that order.

    The matrix maps x' = a x + c y and y' = b x + d y; phones write quarter turns, selfie cameras mirror.
    """
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5]
    swap = abs(b) > abs(a)
    return bool(swap), bool((b if swap else d) < 0), bool((c if swap else a) < 0)


def display_size(frame: av.VideoFrame, sar: Any, swap: bool) -> tuple[int, int]:
    """(width, height) with square pixels, upright; the longer pixel side keeps its resolution."""
    ratio = float(sar or 1)
    if not 1 / MAX_STRETCH <= ratio <= MAX_STRETCH:
        ratio = 1.0
    width, height = (frame.width * ratio, frame.height) if ratio >= 1 else (frame.width, frame.height / ratio)
    size = max(1, round(width)), max(1, round(height))
    return size[::-1] if swap else size


@lru_cache(maxsize=64)
def colours_of(matrix: int, full_range: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """What a picture is coded in, as `Picture` holds it: the same for every frame of a file."""
    rgb_34 = rgb_matrix(matrix, full_range)
    same = np.allclose(rgb_34, rgb_matrix(1, False))
    return rgb_34, None if same else recolouring(rgb_34)


def rgb_matrix(matrix: int, full_range: bool) -> np.ndarray:
    """(3, 4): from Y'CbCr as coded to R'G'B', 0..255."""
    red, blue = KR_KB.get(matrix, BT601)
    green = 1 - red - blue
    mix_33 = np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green],
            [1, 2 * (1 - blue), 0],
        ]
    )
    spread_3 = np.ones(3) if full_range else 255 / np.array([219.0, 224.0, 224.0])
    zero_3 = np.array([0.0 if full_range else 16.0, 128.0, 128.0])
    scaled_33 = mix_33 * spread_3
    return np.column_stack([scaled_33, -scaled_33 @ zero_3]).astype(np.float32)


def recolouring(rgb_34: np.ndarray) -> np.ndarray:
    """(3, 4): from Y'CbCr that `rgb_34` turns to RGB to BT.709 of limited range."""
    target_34 = rgb_matrix(1, False).astype(np.float64)
    back_33 = np.linalg.inv(target_34[:, :3])
    offset_3 = back_33 @ (rgb_34[:, 3] - target_34[:, 3])
    return np.column_stack([back_33 @ rgb_34[:, :3], offset_3]).astype(np.float32)
