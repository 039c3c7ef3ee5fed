"""How good a SyncNet is: how often it finds clips nearer to their own sound than to the same sound moved.

S counts shifts, as models/sync/syncnet.py's `distances` gives them.
"""

from collections.abc import Sequence

import numpy as np

from models.sync.syncnet import REACH, judge

SHIFTS = range(2, 13)
"""Frames by which the sound is moved, either way."""


def accuracy(clips: Sequence[np.ndarray]) -> dict[str, float]:
    """Returns what is reported of clips in sync, each given by its mean distances (S) over all shifts."""
    moved = [[mean_S[REACH + sign * shift] for shift in SHIFTS for sign in (-1, 1)] for mean_S in clips]
    right = [np.mean(mean_S[REACH] < np.array(others)) for mean_S, others in zip(clips, moved, strict=True)]
    offsets = np.array([judge(mean_S).offset for mean_S in clips])
    numbers = {
        "in_sync_accuracy": np.mean(right),
        "exact_offset": np.mean(offsets == 0),
        "within_one_frame": np.mean(np.abs(offsets) <= 1),
    }
    return {name: round(float(value), 4) for name, value in numbers.items()}
