"""Draws a pair to look at: clip, what was painted, companion, and how far the two are apart.

F frames of H by W pixels.
"""

import numpy as np

from storage.media.images import encode_jpeg

POSTER_PX = 160
MOMENTS = (0.1, 0.37, 0.63, 0.9)
GAIN = 3
"""By how much differences are enlarged: a mouth differs by tens of grey levels, a bad background by some."""


def poster(clip_FHWC: np.ndarray, paint_FHW: np.ndarray, companion_FHWC: np.ndarray) -> bytes:
    """Returns a JPEG: four moments beside each other; below each its mask, its companion, and their difference."""
    some_N = [round(share * (len(clip_FHWC) - 1)) for share in MOMENTS]
    step = -(-clip_FHWC.shape[1] // POSTER_PX)
    clip_NHWC, paint_NHW, companion_NHWC = (
        array[some_N, ::step, ::step] for array in (clip_FHWC, paint_FHW, companion_FHWC)
    )
    rows = panels(clip_NHWC, paint_NHW, companion_NHWC)
    return encode_jpeg(np.concatenate([np.concatenate(list(row), 1) for row in rows.values()]), 92)


def panels(clip_FHWC: np.ndarray, paint_FHW: np.ndarray, companion_FHWC: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the four pictures of each frame, uint8 (F, H, W, 3), by what they are."""
    return {
        "clip": clip_FHWC,
        "painted": np.where(paint_FHW[..., None], 128, clip_FHWC).astype(np.uint8),
        "companion": companion_FHWC,
        "difference": difference(clip_FHWC, companion_FHWC),
    }


def difference(clip_FHWC: np.ndarray, companion_FHWC: np.ndarray) -> np.ndarray:
    """Returns how the companion differs from the clip, enlarged; black is no difference."""
    apart = np.abs(companion_FHWC.astype(np.int32) - clip_FHWC) * GAIN
    return apart.clip(0, 255).astype(np.uint8)
