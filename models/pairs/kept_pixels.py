"""Measures how well two videos agree where they are to be the same: outside the face, and on what is before it."""

import numpy as np

MOST_DB = 60.0
"""What equal pictures are given in place of infinity: one pixel in fifteen off by one grey level has as much."""


def psnr_within(one_FHWC: np.ndarray, other_FHWC: np.ndarray, part_FHW: np.ndarray) -> float | None:
    """Returns the peak signal over noise in dB of all pixels of a part together, `MOST_DB` at most; None for no pixel."""
    if one_FHWC.shape != other_FHWC.shape or part_FHW.shape != one_FHWC.shape[:3]:
        raise ValueError(
            f"two videos and a mask must be equally long and large, not {one_FHWC.shape}, {other_FHWC.shape} and "
            f"{part_FHW.shape}"
        )
    off_NC = one_FHWC[part_FHW].astype(np.float32) - other_FHWC[part_FHW]
    if not off_NC.size:
        return None
    error = float(np.square(off_NC).mean(dtype=np.float64))
    return min(10 * float(np.log10(255**2 / error)), MOST_DB) if error else MOST_DB
