"""Measures what a painted part does over time: whether it leaps where segments meet, flickers, or drifts in colour.

`painted_FHW` is True where a generator painted, one mask a frame; all else is left out. F frames of H x W pixels.
"""

from collections.abc import Sequence

import numpy as np

STILL = 0.1
"""Grey levels of change below which a picture stands still: rounding to 8 bits leaves more."""
END = 0.25
"""Share of a clip's frames that counts as its beginning, and as its end."""


def seam(rgb_FHWC: np.ndarray, painted_FHW: np.ndarray, borders: Sequence[int]) -> float | None:
    """Returns the mean change onto the frames `borders` over that between all others; 1 is a seam that is none.

    `borders` are the first new frame of each segment but the first. None where there is no border, or no painted
    pixel about one.
    """
    change_F = _changes(rgb_FHWC, painted_FHW)
    at_border_F = np.zeros(len(rgb_FHWC), bool)
    at_border_F[list(borders)] = True
    at, within = change_F[at_border_F], change_F[~at_border_F]
    if not np.isfinite(at).any() or not np.isfinite(within).any():
        return None
    return float(np.nanmean(at) / max(np.nanmean(within), STILL))


def _changes(rgb_FHWC: np.ndarray, painted_FHW: np.ndarray) -> np.ndarray:
    """Mean absolute change onto each frame where it and the one before are painted; NaN where nothing is."""
    change_F = np.full(len(rgb_FHWC), np.nan)
    for f in range(1, len(rgb_FHWC)):
        both_HW = painted_FHW[f - 1] & painted_FHW[f]
        if both_HW.any():
            change_F[f] = np.abs(_pixels(rgb_FHWC[f], both_HW) - _pixels(rgb_FHWC[f - 1], both_HW)).mean()
    return change_F


def flicker(made_FHWC: np.ndarray, clip_FHWC: np.ndarray, painted_FHW: np.ndarray) -> float | None:
    """Returns how much more what was made trembles than the clip does: their second differences, one over the other.

    None where no pixel is painted on three frames in a row.
    """
    trembling = [
        (_bend(made_FHWC[f - 1 : f + 2], all_HW), _bend(clip_FHWC[f - 1 : f + 2], all_HW))
        for f in range(1, len(made_FHWC) - 1)
        if (all_HW := painted_FHW[f - 1] & painted_FHW[f] & painted_FHW[f + 1]).any()
    ]
    if not trembling:
        return None
    made, clip = np.mean(trembling, axis=0)
    return float(made / max(clip, STILL))


def _bend(rgb_3HWC: np.ndarray, part_HW: np.ndarray) -> float:
    before_NC, now_NC, after_NC = (_pixels(rgb_HWC, part_HW) for rgb_HWC in rgb_3HWC)
    return float(np.abs(before_NC - 2 * now_NC + after_NC).mean())


def colour_drift(made_FHWC: np.ndarray, clip_FHWC: np.ndarray, painted_FHW: np.ndarray) -> float | None:
    """Returns by how many grey levels the painted part's colour, beside the clip's, has moved from beginning to end.

    The length of the change in (red, green, blue), 0..255. None where beginning or end has no painted pixel.
    """
    off_F3 = np.full((len(made_FHWC), 3), np.nan)
    for f in np.flatnonzero(painted_FHW.any((1, 2))):
        off_F3[f] = _pixels(made_FHWC[f], painted_FHW[f]).mean(0) - _pixels(
            clip_FHWC[f], painted_FHW[f]
        ).mean(0)
    count = max(round(END * len(off_F3)), 1)
    early_N3, late_N3 = (part[np.isfinite(part[:, 0])] for part in (off_F3[:count], off_F3[-count:]))
    if not len(early_N3) or not len(late_N3):
        return None
    return float(np.linalg.norm(late_N3.mean(0) - early_N3.mean(0)))


def _pixels(rgb_HWC: np.ndarray, part_HW: np.ndarray) -> np.ndarray:
    return rgb_HWC[part_HW].astype(np.float32)
