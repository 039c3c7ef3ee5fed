"""Fills triangles to masks. A union needs no depth: a pixel is covered, whichever triangle is in front."""

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
    """Widens a mask by so many pixels on all sides: by an octagon, which is four strokes one after the other."""
    wide_FHW = np.zeros_like(mask_FHW)
    for mask_HW, wide_HW in zip(mask_FHW, wide_FHW, strict=True):
        box = _box(mask_HW, pixels)
        wide_HW[box] = _widened(mask_HW[box], pixels)
    return wide_FHW


def _box(mask_HW: np.ndarray, margin: int) -> tuple[slice, slice]:
    """What holds the mask and so many pixels round it: most of a picture is far from any, and need not be looked at."""
    rows, columns = (np.flatnonzero(mask_HW.any(axis)) for axis in (1, 0))
    if not len(rows):
        return slice(0), slice(0)
    return tuple(slice(max(0, at[0] - margin), at[-1] + margin + 1) for at in (rows, columns))  # type: ignore[return-value]


def _widened(mask_HW: np.ndarray, pixels: int) -> np.ndarray:
    slanted = int(0.293 * pixels)
    straight = pixels - 2 * slanted
    for down, across, half in ((0, 1, straight), (1, 0, straight), (1, 1, slanted), (1, -1, slanted)):
        mask_HW = _stroke(mask_HW, down, across, half)
    return mask_HW


def _stroke(mask_HW: np.ndarray, down: int, across: int, half: int) -> np.ndarray:
    """Along one direction both ways. What is reached already is moved as a whole, so few moves suffice."""
    reach = 0
    while reach < half:
        move = min(2 * reach + 1, half - reach)
        before_HW, mask_HW = mask_HW, mask_HW.copy()
        for way in (-move, move):
            (to_y, from_y), (to_x, from_x) = _moved(way * down), _moved(way * across)
            mask_HW[to_y, to_x] |= before_HW[from_y, from_x]
        reach += move
    return mask_HW


def _moved(by: int) -> tuple[slice, slice]:
    """Where to, and where from."""
    to, start = slice(max(by, 0), min(by, 0) or None), slice(max(-by, 0), min(-by, 0) or None)
    return to, start


def outline(mask_FHW: np.ndarray) -> np.ndarray:
    """Returns the mask's own pixels that have a neighbour outside."""
    return mask_FHW & dilated(~mask_FHW, 1)
