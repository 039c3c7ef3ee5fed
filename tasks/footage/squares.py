"""Where the crop lies: around the face, as still as a good camera operator would keep it.

Landmarks tremble and a crop that follows them makes the whole picture tremble. The way of the face is
smoothed with a look at what comes (so that the crop doesn't lag), outliers are left out, and only a head that
moves fast enough to leave the middle is followed closely.
"""

from dataclasses import dataclass

import numpy as np

REACH = 12
"""Frames that are looked at before and after: half a second."""
CALM, QUICK, SIZES = 5.0, 1.6, 8.0
"""Sigmas in frames: of the place, of the place of a fast head, and of the size."""
FOLLOW = (0.05, 0.15)
"""How far, in face sizes, the calm way may leave the face: from there to there the quick one takes over."""
OUTLIER = 0.12
"""A place so far (in face sizes) from the way of its neighbours is a slip of the detector."""


@dataclass(frozen=True)
class Place:
    """Where the face is in one frame."""

    x: float
    y: float
    size: float


def smoothed(places: list[Place | None], at: int) -> Place:
    """The way through `places`, at one of them; None where the face wasn't seen."""
    low, high = max(0, at - REACH), min(len(places), at + REACH + 1)
    near = [(t - at, p) for t, p in enumerate(places[low:high], low) if p is not None]
    assert near, "a track has no place within half a second"
    steps_N = np.array([step for step, _ in near], float)
    places_N3 = np.array([(p.x, p.y, p.size) for _, p in near])
    size = float(_line(steps_N, places_N3[:, 2:], SIZES)[0])
    kept_N = _inliers(steps_N, places_N3[:, :2], size)
    steps_N, ways_N2 = steps_N[kept_N], places_N3[kept_N, :2]
    calm_2, quick_2 = _line(steps_N, ways_N2, CALM), _line(steps_N, ways_N2, QUICK)
    apart = float(np.linalg.norm(calm_2 - quick_2)) / max(size, 1e-6)
    share = np.clip((apart - FOLLOW[0]) / (FOLLOW[1] - FOLLOW[0]), 0, 1)
    x, y = calm_2 + (quick_2 - calm_2) * share * share * (3 - 2 * share)
    return Place(float(x), float(y), max(size, 1.0))


def _line(steps_N: np.ndarray, values_NC: np.ndarray, sigma: float) -> np.ndarray:
    """A weighted straight line's value at step 0: unlike a mean it does not lag where a track begins or ends."""
    weights_N = np.exp(-0.5 * (steps_N / sigma) ** 2) + 1e-9
    weights_N /= weights_N.sum()
    middle = float(weights_N @ steps_N)
    centred_N = steps_N - middle
    mean_C = weights_N @ values_NC
    spread = float(weights_N @ centred_N**2)
    if spread < 1e-6:
        return mean_C
    slope_C = (weights_N * centred_N) @ (values_NC - mean_C) / spread
    return mean_C - slope_C * middle


def _inliers(steps_N: np.ndarray, ways_N2: np.ndarray, size: float) -> np.ndarray:
    """Not those that leave the middle between the places before and after by far more than others do."""
    if len(steps_N) < 5:
        return np.ones(len(steps_N), bool)
    off_N = np.zeros(len(steps_N))
    padded = np.concatenate(
        [2 * ways_N2[:1] - ways_N2[2:0:-1], ways_N2, 2 * ways_N2[-1:] - ways_N2[-2:-4:-1]]
    )
    windows = np.stack([padded[k : k + len(ways_N2)] for k in range(5)])
    off_N = np.linalg.norm(ways_N2 - np.median(windows, axis=0), axis=1)
    return off_N <= max(OUTLIER * size, 4 * float(np.median(off_N)))
