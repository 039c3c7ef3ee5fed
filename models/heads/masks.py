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
    slanted = int(0.293 * pixels)
    straight = pixels - 2 * slanted
    for down, across, half in ((0, 1, straight), (1, 0, straight), (1, 1, slanted), (1, -1, slanted)):
        mask_FHW = _stroke(mask_FHW, down, across, half)
    return mask_FHW


def _stroke(mask_FHW: np.ndarray, down: int, across: int, half: int) -> np.ndarray:
    """Along one direction both ways. What is reached already is moved as a whole, so few moves suffice."""
    reach = 0
    while reach < half:
        move = min(2 * reach + 1, half - reach)
        before_FHW, mask_FHW = mask_FHW, mask_FHW.copy()
        for way in (-move, move):
            (to_y, from_y), (to_x, from_x) = _moved(way * down), _moved(way * across)
            mask_FHW[:, to_y, to_x] |= before_FHW[:, from_y, from_x]
        reach += move
    return mask_FHW


def _moved(by: int) -> tuple[slice, slice]:
    """Where to, and where from."""
    to, start = slice(max(by, 0), min(by, 0) or None), slice(max(-by, 0), min(-by, 0) or None)
    return to, start


def outline(mask_FHW: np.ndarray) -> np.ndarray:
    """Returns the mask's own pixels that have a neighbour outside."""
    return mask_FHW & dilated(~mask_FHW, 1)
