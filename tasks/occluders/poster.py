"""Draws what is before a face on three of a clip's frames: masks with their phrases, or signs, outlined and named."""

from collections.abc import Sequence

import numpy as np

from models.faces.outline import filled
from storage.drawing.lettering import SMALL, paint, text_mask
from storage.media.images import encode_jpeg
from tasks.masks import overlaid
from tasks.occluders.clip import NamedBox
from tasks.occluders.signs import Signs

INK = (255, 255, 255)
POSTER_SIDE, SIGNS_SIDE = 128, 192
"""Pixels of each frame at least: what is named must be legible."""


def masks_poster(rgb_FHWC: np.ndarray, mask_FHW: np.ndarray, named: list[NamedBox]) -> bytes:
    """Where a box was, or, without one, three moments that differ; with a coloured mask and a bright outline."""
    last = len(rgb_FHWC) - 1
    chosen = [0, last // 2, last]
    if named:
        chosen[1] = named[0].prompt.frame
        chosen[0], chosen[2] = chosen[1] // 2, (chosen[1] + last) // 2
    times = max(1, -(-POSTER_SIDE // rgb_FHWC.shape[2]))
    tiles = [overlaid(rgb_FHWC[f], mask_FHW[f]).repeat(times, 0).repeat(times, 1) for f in chosen]
    strip = np.concatenate([tile[: len(tile) // 2 * 2, : tile.shape[1] // 2 * 2] for tile in tiles], axis=1)
    phrases = ", ".join(dict.fromkeys(one.phrase for one in named)) or "nothing"
    mask = text_mask(phrases, SMALL)
    strip[-len(mask) :] //= 3
    paint(strip[-len(mask) :, 3:-3], mask, INK)
    return encode_jpeg(strip)


def signs_poster(
    frames: Sequence[np.ndarray], signs: Signs, outlines: Sequence[dict[str, np.ndarray]]
) -> bytes:
    """Three frames, the most suspicious one in the middle; `outlines` are each frame's signs and their corners."""
    last = len(frames) - 1
    worst = last // 2 if signs.worst is None else signs.worst
    tiles = [_with_signs(frames[f], outlines[f]) for f in (worst // 2, worst, (worst + last) // 2)]
    strip = np.concatenate(tiles, axis=1)
    return encode_jpeg(strip[: len(strip) // 2 * 2, : strip.shape[1] // 2 * 2])


def _with_signs(rgb_HWC: np.ndarray, outlines: dict[str, np.ndarray]) -> np.ndarray:
    mask_HW = np.zeros(rgb_HWC.shape[:2], bool)
    for corners_C2 in outlines.values():
        mask_HW |= filled(corners_C2, *rgb_HWC.shape[:2])
    times = max(1, -(-SIGNS_SIDE // rgb_HWC.shape[1]))
    tile = overlaid(rgb_HWC, mask_HW).repeat(times, 0).repeat(times, 1)
    for row, name in enumerate(list(outlines) or ["nothing"], 1):
        mask = text_mask(name, SMALL)
        line = tile[len(tile) - row * len(mask) :][: len(mask)]
        line //= 3
        paint(line[:, 3:-3], mask, INK)
    return tile
