"""Finds where somebody speaks, by the sound alone: loud, near something with a pitch, and never steady for long.

No model. Hiss and wind have no pitch, hum and whistles don't change; what music has of both is told in music.py.
"""

import numpy as np

STEP_S, WINDOW_S = 0.02, 0.04
PITCH_HZ = (70, 450)
VOICE_HZ = (80, 1500)
PERIODIC = 0.6
"""Correlation of a voiced sound with itself one period later; of noise a few windows in a hundred reach it."""
REACH_STEPS = 8
"""0.16 s: consonants without a pitch stand that close to a vowel."""
SILENT_DBFS = -50.0
ABOVE_FLOOR_DB, FLOOR_BELOW_PEAK_DB = 6.0, 25.0
"""The softest tenth is the room, unless nobody pauses: so it counts as at least that far below the loudest."""
STEADY_DB, STEADY_STEPS = 2.0, 25
"""A second (twice 25 steps) whose level strays by less than this is a hum or a hiss."""


def speech_share(samples: np.ndarray, rate: int) -> float:
    """Share of the time in which somebody speaks."""
    speaking_S = voice_activity(samples, rate)
    return float(speaking_S.mean()) if len(speaking_S) else 0.0


def voice_activity(samples: np.ndarray, rate: int) -> np.ndarray:
    """True or false for each 20 ms."""
    windows_SN = _windows(samples, rate)
    if not len(windows_SN):
        return np.zeros(0, bool)
    level_S = 10 * np.log10((windows_SN**2).mean(axis=1) + 1e-12)
    floor = min(np.quantile(level_S, 0.1), np.quantile(level_S, 0.95) - FLOOR_BELOW_PEAK_DB)
    loud_S = level_S > max(SILENT_DBFS, floor + ABOVE_FLOOR_DB)
    voiced_S = loud_S & (_periodicity(windows_SN, rate) > PERIODIC) & (_spread(level_S) > STEADY_DB)
    near_S = np.convolve(voiced_S, np.ones(2 * REACH_STEPS + 1))[REACH_STEPS:-REACH_STEPS] > 0
    return loud_S & near_S


def _windows(samples: np.ndarray, rate: int) -> np.ndarray:
    step, length = round(STEP_S * rate), round(WINDOW_S * rate)
    count = len(samples) // step
    padded = np.concatenate([samples[: count * step], np.zeros(length, np.float32)]).astype(np.float32)
    return padded[np.arange(count)[:, None] * step + np.arange(length)]


def _periodicity(windows_SN: np.ndarray, rate: int) -> np.ndarray:
    """The highest normalised autocorrelation at any period of a voice, 0..1.

    Power times frequency, in the band of a voice: a rumble, which resembles itself at any lag, becomes flat.
    """
    n = windows_SN.shape[1]
    hz_F = np.fft.rfftfreq(2 * n, 1 / rate)
    weight_F = np.where((hz_F >= VOICE_HZ[0]) & (hz_F <= VOICE_HZ[1]), hz_F, 0)
    centred_SN = windows_SN - windows_SN.mean(axis=1, keepdims=True)
    power_SF = np.abs(np.fft.rfft(centred_SN, 2 * n, axis=1)) ** 2
    alike_SN = np.fft.irfft(power_SF * weight_F, axis=1)[:, :n]
    longest = min(round(rate / PITCH_HZ[0]), n - 1)
    periods_L = np.arange(round(rate / PITCH_HZ[1]), longest + 1)
    # Fewer samples overlap at long periods; without this low voices would seem aperiodic.
    normed_SL = alike_SN[:, periods_L] / np.maximum(alike_SN[:, :1], 1e-9) * n / (n - periods_L)
    return normed_SL.max(axis=1)


def _spread(level_S: np.ndarray) -> np.ndarray:
    """Standard deviation of the level in the second around each step."""
    padded = np.pad(level_S, STEADY_STEPS, mode="reflect" if len(level_S) > STEADY_STEPS else "edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * STEADY_STEPS + 1).std(axis=1)
