"""Tells music from speech by two things that voices seldom do: to hold a note still, and to keep a beat.

No model. Beside 290 pieces of speech of 3 s (some over a radio), whose largest `music_share`
was 0.15 and whose largest `beat` was 0.49, four fifths and half of 301 pieces of recorded music lay above.
A lone voice that sings with a tremor does neither, and is a voice.
"""

import numpy as np

WINDOW_S, STEP_S = 0.128, 0.032
NOTES_HZ = (300, 4000)
"""Below it voices that stay low hum steadily."""
CLEAR_DB, NEIGHBOURS = 8.0, 15
"""How far a peak of the spectrum stands above the mean of so many bins around it."""
WITHIN_DB, QUIET_DB = 20.0, 25.0
"""How far below the loudest of its moment a peak counts, and a moment below the loud ones of the clip: so music
far behind a speaker doesn't."""
HELD_S, SEMITONES, BINS = 0.32, 0.3, 0.4
"""How long a note stays, and how still: voices glide farther in a fifth of that time."""
BEAT_WINDOW_S, BEAT_STEP_S, BEATS_S = 0.032, 0.016, (0.2, 1.0)
BANDS, RANGE_DB = 8, 40.0
LEAST_S = 2.5
"""Less than that, and any two syllables keep a beat."""


def music_share(samples: np.ndarray, rate: int) -> float:
    """Share of the time with sound in which a note is held."""
    window, step = round(WINDOW_S * rate), round(STEP_S * rate)
    if len(samples) < window:
        return 0.0
    top = int(NOTES_HZ[1] / rate * window) + 2
    levels_TF = 10 * np.log10(_power(samples, window, step)[:, :top] + 1e-10)
    loudest_T = levels_TF.max(axis=1)
    peaks_TF, places_TF = _peaks(levels_TF, loudest_T)
    peaks_TF[:, : int(NOTES_HZ[0] / rate * window)] = False
    held_T = _held(peaks_TF, places_TF, round(HELD_S / STEP_S / 2))
    loud_T = loudest_T > np.quantile(loudest_T, 0.95) - QUIET_DB
    return float((held_T & loud_T).sum() / max(loud_T.sum(), 1))


def beat(samples: np.ndarray, rate: int) -> float:
    """How much onsets of sound resemble themselves one beat later: 1 for a machine, 0 for a clip that is too short."""
    if len(samples) < LEAST_S * rate or not np.abs(samples).max() > 0:
        return 0.0
    onsets_T = _onsets(samples, rate)
    count = len(onsets_T)
    alike_L = np.correlate(onsets_T, onsets_T, "full")[count - 1 :]
    shortest, longest = (round(seconds / BEAT_STEP_S) for seconds in BEATS_S)
    lags = np.arange(shortest, longest)
    # Fewer steps overlap at long lags; without this a slow beat would seem weak.
    normed_L = alike_L[lags] / max(alike_L[0], 1e-9) * count / (count - lags)
    return float(np.clip(normed_L.max(), 0, 1))


def _power(samples: np.ndarray, window: int, step: int) -> np.ndarray:
    windows_TN = np.lib.stride_tricks.sliding_window_view(samples, window)[::step]
    return np.abs(np.fft.rfft(windows_TN * np.hanning(window).astype(np.float32), axis=1)) ** 2


def _peaks(levels_TF: np.ndarray, loudest_T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a bin stands out, and where between the bins the top of it lies (a parabola's, as in Smith 2011)."""
    half = NEIGHBOURS // 2
    sums_TF = np.cumsum(np.pad(levels_TF, ((0, 0), (half + 1, half)), mode="edge"), axis=1)
    around_TF = (sums_TF[:, NEIGHBOURS:] - sums_TF[:, :-NEIGHBOURS]) / NEIGHBOURS
    before_TF, here_TF, after_TF = levels_TF[:, :-2], levels_TF[:, 1:-1], levels_TF[:, 2:]
    tops_TF = (here_TF > before_TF) & (here_TF >= after_TF) & (here_TF > around_TF[:, 1:-1] + CLEAR_DB)
    bend_TF = np.minimum(before_TF - 2 * here_TF + after_TF, -1e-6)
    aside_TF = np.clip(0.5 * (before_TF - after_TF) / bend_TF, -0.5, 0.5)
    near_TF = here_TF > loudest_T[:, None] - WITHIN_DB
    rims = ((0, 0), (1, 1))
    return np.pad(tops_TF & near_TF, rims), np.arange(levels_TF.shape[1]) + np.pad(aside_TF, rims)


def _held(peaks_TF: np.ndarray, places_TF: np.ndarray, reach: int) -> np.ndarray:
    """Moments with a peak that stays where it is from `reach` steps before to as many after, but for one step."""
    times_P, bins_P = np.nonzero(peaks_TF)
    places_P = places_TF[times_P, bins_P]
    still_P = np.maximum(BINS, places_P * (2 ** (SEMITONES / 12) - 1))
    rims = ((reach, reach), (1, 1))
    padded_TF, where_TF = np.pad(peaks_TF, rims), np.pad(places_TF, rims)
    missed_P = np.zeros(len(places_P), int)
    for step in range(2 * reach + 1):
        found_P = np.zeros(len(places_P), bool)
        for aside in range(3):
            at = times_P + step, bins_P + aside
            found_P |= padded_TF[at] & (np.abs(where_TF[at] - places_P) <= still_P)
        missed_P += ~found_P
    held_T = np.zeros(len(peaks_TF), bool)
    held_T[times_P[missed_P <= 1]] = True
    return held_T


def _onsets(samples: np.ndarray, rate: int) -> np.ndarray:
    """By how much all bands grow louder, step by step, without slower changes."""
    window, step = round(BEAT_WINDOW_S * rate), round(BEAT_STEP_S * rate)
    edges = np.geomspace(2, window // 2, BANDS + 1).astype(int)[:-1]
    levels_TB = 10 * np.log10(np.add.reduceat(_power(samples, window, step), edges, axis=1) + 1e-8)
    levels_TB = np.maximum(levels_TB, np.quantile(levels_TB, 0.95, axis=0) - RANGE_DB)
    growth_T = np.maximum(np.diff(levels_TB, axis=0), 0).mean(axis=1)
    half_second = round(0.5 / BEAT_STEP_S)
    return growth_T - np.convolve(growth_T, np.full(half_second, 1 / half_second), "same")
