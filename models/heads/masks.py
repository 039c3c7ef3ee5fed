"""Fills triangles to masks. A union needs no depth: a pixel is covered, whichever triangle is in front."""

import numba
import numpy as np

from models.heads.fit import Surface
from models.world.raster import cover


def face_mask(face: Surface, side: int, dilate: float) -> np.ndarray:
    """Returns M_face. Widened by a fixed share of the side it still says nothing of the mouth."""
    return dilated(filled(face, side), round(dilate * side))


def filled(surface: Surface, side: int) -> np.ndarray:
    """Returns which pixels a surface covers, bool (F, side, side)."""
    mask_FHW = np.zeros((len(surface.points_FV2), side, side), bool)
    for points_V2, mask_HW in zip(surface.points_FV2.astype(np.float32), mask_FHW, strict=True):
        cover(points_V2, surface.triangles_T3, mask_HW)
    return mask_FHW


def dilated(mask_FHW: np.ndarray, pixels: int) -> np.ndarray:
    """Widens a mask by so many pixels on all sides: by an octagon."""
    wide_FHW = np.zeros_like(mask_FHW)
    slanted = int(0.293 * pixels)
    for mask_HW, wide_HW in zip(mask_FHW, wide_FHW, strict=True):
        box = _box(mask_HW, pixels)
        _widen(mask_HW[box], pixels, pixels - 2 * slanted, wide_HW[box])
    return wide_FHW


def _box(mask_HW: np.ndarray, margin: int) -> tuple[slice, slice]:
    """What holds the mask and so many pixels round it: most of a picture is far from any, and need not be looked at."""
    rows = np.flatnonzero(mask_HW.any(1))
    if not len(rows):
        return slice(0), slice(0)
    columns = np.flatnonzero(mask_HW[rows[0] : rows[-1] + 1].any(0))
    return tuple(slice(max(0, at[0] - margin), at[-1] + margin + 1) for at in (rows, columns))  # type: ignore[return-value]


@numba.njit(cache=True, nogil=True)
def _widen(mask_HW, pixels, straight, wide_HW):
    """Each run of pixels in a row is one in each row that the octagon reaches, and longer: its ends are counted there."""
    high, wide = mask_HW.shape
    ends_HX = np.zeros((high, wide + 1), np.int32)
    for y in range(high):
        x = 0
        while x < wide:
            if not mask_HW[y, x]:
                x += 1
                continue
            begin = x
            while x < wide and mask_HW[y, x]:
                x += 1
            for row in range(max(0, y - pixels), min(high, y + pixels + 1)):
                reach = pixels - max(0, abs(row - y) - straight)
                ends_HX[row, max(0, begin - reach)] += 1
                ends_HX[row, min(wide, x + reach)] -= 1
    for y in range(high):
        inside = 0
        for x in range(wide):
            inside += ends_HX[y, x]
            wide_HW[y, x] = inside > 0


def outline(mask_FHW: np.ndarray) -> np.ndarray:
    """Returns the mask's own pixels that have a neighbour outside."""
    return mask_FHW & dilated(~mask_FHW, 1)
