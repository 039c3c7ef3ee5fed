"""Measures a SyncNet on strangers: whether their sound is nearer to their lips than the same sound moved."""

import numpy as np

from models.mini.syncnet.corpus import noisy_five
from models.mini.world_clips import make_clip
from models.sync.syncnet import REACH, SyncNet, distances, judge

SHIFTS = range(2, 13)
"""Frames by which the sound is moved in the report."""
FLOORS = {"in_sync_accuracy": 0.9}


def measure(reference: str, people: int, seed: int = 1, seconds: float = 2.0) -> dict[str, float]:
    """Measures, on two seconds of each stranger, how often their sound is nearer than the same sound moved."""
    net, right, offsets = SyncNet(reference), [], []
    for person in range(people):
        clip = make_clip(seed, person, round(seconds * 25))
        mean_S = distances(net.lips(clip.rgb_FHWC, noisy_five(clip, seed)), net.sounds(clip.sound))
        moved = [mean_S[REACH + sign * shift] for shift in SHIFTS for sign in (-1, 1)]
        right.append(np.mean(mean_S[REACH] < np.array(moved)))
        offsets.append(judge(mean_S).offset)
    numbers = {
        "in_sync_accuracy": np.mean(right),
        "exact_offset": np.mean(np.array(offsets) == 0),
        "within_one_frame": np.mean(np.abs(offsets) <= 1),
    }
    return {name: round(float(value), 4) for name, value in numbers.items()}
