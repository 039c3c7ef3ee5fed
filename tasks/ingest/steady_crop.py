"""Decides where the crop lies: around the face, as still as a good camera operator would keep it.

Landmarks tremble and a crop that follows them makes the whole picture tremble. The way of the face is
smoothed with a look at what comes (so that the crop doesn't lag), outliers are left out, and only a head that
moves fast enough to leave the middle is followed closely.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

REACH = 12
"""Frames that are looked at before and after: half a second."""
CALM, QUICK, SIZES = 6.5, 1.6, 8.0
"""Sigmas in frames: of the place, of the place of a fast head, and of the size."""
FOLLOW = (0.05, 0.15)
"""How far, in face sizes, the calm way may leave the face: from there to there the quick one takes over."""
LOPSIDED = 2.0
"""Frames by which the middle of what is known may lie off, before a bend is no longer believed."""
OUTLIER = 0.12
"""A place so far (in face sizes) from the way of its neighbours is a slip of the detector."""


@dataclass(frozen=True)
class Place:
    """Where the face is in one frame."""

    x: float
    y: float
    size: float


def steady_place(places: list[Place | None], at: int) -> Place:
    """The way through `places`, at one of them; None where the face wasn't seen."""
    low, high = max(0, at - REACH), min(len(places), at + REACH + 1)
    near = [(t - at, p) for t, p in enumerate(places[low:high], low) if p is not None]
    assert near, "a track has no place within half a second"
    steps_N = np.array([step for step, _ in near], float)
    places_N3 = np.array([(p.x, p.y, p.size) for _, p in near])
    size = float(_line(steps_N, places_N3[:, 2:], SIZES)[0])
    kept_N = _inliers(steps_N, places_N3[:, :2], size)
    steps_N, ways_N2 = steps_N[kept_N], places_N3[kept_N, :2]
    calm_2, quick_2 = _curve(steps_N, ways_N2, CALM), _line(steps_N, ways_N2, QUICK)
    apart = float(np.linalg.norm(calm_2 - quick_2)) / max(size, 1e-6)
    share = np.clip((apart - FOLLOW[0]) / (FOLLOW[1] - FOLLOW[0]), 0, 1)
    x, y = calm_2 + (quick_2 - calm_2) * share * share * (3 - 2 * share)
    return Place(float(x), float(y), max(size, 1.0))


def _line(steps_N: np.ndarray, values_NC: np.ndarray, sigma: float) -> np.ndarray:
    """A weighted straight line's value at step 0: unlike a mean it does not lag where a track begins or ends."""
    return _fit(steps_N, values_NC, sigma, 1)


def _curve(steps_N: np.ndarray, values_NC: np.ndarray, sigma: float) -> np.ndarray:
    """A weighted parabola's, which keeps to bends; but a line's at the ends, where parabolas tremble."""
    weights_N = np.exp(-0.5 * (steps_N / sigma) ** 2)
    lopsided = min(abs(float(weights_N @ steps_N)) / float(weights_N.sum()) / LOPSIDED, 1.0)
    line_C = _fit(steps_N, values_NC, sigma, 1)
    if len(steps_N) < 4 or lopsided == 1:
        return line_C
    return lopsided * line_C + (1 - lopsided) * _fit(steps_N, values_NC, sigma, 2)


def _fit(steps_N: np.ndarray, values_NC: np.ndarray, sigma: float, degree: int) -> np.ndarray:
    return _shares(steps_N.tobytes(), sigma, degree) @ values_NC


@lru_cache(maxsize=1024)
def _shares(steps: bytes, sigma: float, degree: int) -> np.ndarray:
    """Of each place in the fit at step 0. They depend on where places are known, which seldom changes."""
    steps_N = np.frombuffer(steps)
    roots_N = np.exp(-0.25 * (steps_N / sigma) ** 2) + 1e-6
    powers_ND = np.stack([(steps_N / sigma) ** d for d in range(degree + 1)], axis=1) * roots_N[:, None]
    square_DD = powers_ND.T @ powers_ND
    # A little weight on the bends lets a single place have an answer.
    square_DD[1:, 1:] += 1e-9 * np.eye(degree)
    return np.linalg.solve(square_DD, powers_ND.T)[0] * roots_N


def _inliers(steps_N: np.ndarray, ways_N2: np.ndarray, size: float) -> np.ndarray:
    """Not those that leave the middle between the places before and after by far more than others do."""
    if len(steps_N) < 5:
        return np.ones(len(steps_N), bool)
    # Sorting finds the middle of few numbers ten times faster than np.median.
    ends = [[np.sort(part, axis=0)[1]] * 2 for part in (ways_N2[:3], ways_N2[-3:])]
    padded = np.concatenate([ends[0], ways_N2, ends[1]])
    windows = np.stack([padded[k : k + len(ways_N2)] for k in range(5)])
    away_N2 = ways_N2 - np.sort(windows, axis=0)[2]
    off_N = np.hypot(away_N2[:, 0], away_N2[:, 1])
    return off_N <= max(OUTLIER * size, 4 * float(np.sort(off_N)[len(off_N) // 2]))
