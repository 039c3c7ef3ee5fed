"""Measures how well lips fit a sound, and how late it is: a mouth's opening beside the loudness, over lags.

No model: a mouth that opens lets out more of the bands where formants lie, and what the rest of the room
does meanwhile cancels. Openings count by their roots: lips that just part already let out most of it. Two
seconds of speech tell right from shifted sound most of the time, five nearly always; one second tells little,
and `lead` says so.
"""

from dataclasses import dataclass

import numpy as np

BANDS_HZ = ((1000, 2000), (2000, 3000), (3000, 4500))
"""Where the opening of lips is heard best; lower is the voice, which also hums behind shut lips."""
WINDOW_S = 0.06
RANGE_DB = 45.0
"""Softer than this below the loud parts is silence, and counts as equally silent."""
SHUT = 1e-4
"""A hundredth of a face's size, squared: openings below it are a tracker's noise, which a root would enlarge."""
TREND_S = 0.3
"""Slower changes than this (a smile, a louder sentence) say nothing about timing."""
MAX_LAG, UNRELATED_LAG = 15, 25
"""Frames: lags that are believed, and those that only show what chance reaches."""
IN_SYNC, WIDTH = 3, 4
"""Frames: lags at which people and recorders are still in step; and how broad a peak is."""
LEAST_FRAMES = 12


@dataclass(frozen=True)
class LipSync:
    """How well one face's lips fit one sound."""

    strength: float
    """Correlation in step minus what unrelated lags reach: in 3 s 0.15 to 0.5 when these lips speak, below 0 when
    sound or picture runs backwards, 0 when nothing moves or sounds."""
    lag_frames: int
    """Where lips and sound fit best, within 15 frames; positive: the sound is late."""
    lead: float
    """How far that lag outdoes every other one, in correlations times the root of the seconds compared:
    no wrong lag of footage in step has been seen to reach 0.3."""


def measure_lip_sync(opening_T: np.ndarray, samples: np.ndarray, fps: float, rate: int) -> LipSync:
    """`opening_T` as a share of the face's size, NaN where unknown; `samples` start with the first frame."""
    loudness_T = _band_loudness(samples, rate, fps, len(opening_T))
    parted_T = np.sqrt(np.maximum(opening_T, 0) + SHUT)
    mouth_T, sound_T = (_without_trend(x_T, TREND_S * fps) for x_T in (parted_T, loudness_T))
    lags_L = np.arange(-UNRELATED_LAG, UNRELATED_LAG + 1)
    fit_L = np.array([_correlation(mouth_T, sound_T, int(lag)) for lag in lags_L])
    best, lead = _peak(fit_L, lags_L, MAX_LAG)
    here, _ = _peak(fit_L, lags_L, IN_SYNC)
    chance = np.quantile(fit_L[np.abs(lags_L - here) > WIDTH], 0.95)
    compared_s = max(len(opening_T) - abs(best), 0) / fps
    return LipSync(float(fit_L[lags_L == here][0] - chance), best, float(lead * np.sqrt(compared_s)))


def _peak(fit_L: np.ndarray, lags_L: np.ndarray, reach: int) -> tuple[int, float]:
    """The best lag within reach, nearest to 0 if several are, and how far it outdoes all believable others."""
    within = lags_L[np.abs(lags_L) <= reach]
    best = max(within, key=lambda lag: (fit_L[lags_L == lag][0], -abs(lag)))
    others = (np.abs(lags_L - best) > WIDTH) & (np.abs(lags_L) <= MAX_LAG)
    return int(best), float(fit_L[lags_L == best][0] - fit_L[others].max())


def _correlation(mouth_T: np.ndarray, sound_T: np.ndarray, lag: int) -> float:
    """Pearson's, of the frames that overlap when the sound is taken `lag` frames later."""
    mouth, sound = (
        (mouth_T[: len(mouth_T) - lag], sound_T[lag:]) if lag >= 0 else (mouth_T[-lag:], sound_T[:lag])
    )
    known = np.isfinite(mouth)
    if known.sum() < LEAST_FRAMES:
        return 0.0
    mouth, sound = mouth[known] - mouth[known].mean(), sound[known] - sound[known].mean()
    scale = np.sqrt((mouth**2).sum() * (sound**2).sum())
    return float((mouth * sound).sum() / scale) if scale > 1e-6 else 0.0


def _band_loudness(samples: np.ndarray, rate: int, fps: float, frames: int) -> np.ndarray:
    """Per frame, in dB, the mean over the bands; each window is about the middle of its frame."""
    power_TF, hz_F = frame_spectra(samples, rate, fps, frames, WINDOW_S)
    bands = [power_TF[:, (hz_F >= low) & (hz_F < high)].sum(axis=1) for low, high in BANDS_HZ]
    decibels_BT = 10 * np.log10(np.stack(bands) + 1e-10)
    floor_B1 = np.quantile(decibels_BT, 0.95, axis=1, keepdims=True) - RANGE_DB
    return np.maximum(decibels_BT, floor_B1).mean(axis=0)


def frame_spectra(
    samples: np.ndarray, rate: int, fps: float, frames: int, window_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Power spectrum about the middle of each frame of the picture, and the frequencies; silence beyond."""
    half = round(window_s * rate / 2)
    middles_T = np.round((np.arange(frames) + 0.5) / fps * rate).astype(int)
    padded = np.zeros(middles_T[-1] + 2 * half, np.float32)
    kept = samples[: len(padded) - half]
    padded[half : half + len(kept)] = kept
    windows_TN = padded[middles_T[:, None] + np.arange(2 * half)] * np.hanning(2 * half).astype(np.float32)
    return np.abs(np.fft.rfft(windows_TN, axis=1)) ** 2, np.fft.rfftfreq(2 * half, 1 / rate)


def _without_trend(values_T: np.ndarray, sigma: float) -> np.ndarray:
    """Minus a Gaussian mean of the known neighbours; NaN stays NaN."""
    reach = np.arange(-round(3 * sigma), round(3 * sigma) + 1)
    weights = np.exp(-0.5 * (reach / sigma) ** 2)
    known_T = np.isfinite(values_T)
    sums, counts = (
        np.convolve(part, weights)[len(reach) // 2 :][: len(values_T)]
        for part in (np.where(known_T, values_T, 0.0), known_T.astype(float))
    )
    return np.where(known_T, values_T - sums / np.maximum(counts, 1e-9), np.nan)
