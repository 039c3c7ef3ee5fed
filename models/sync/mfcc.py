"""Turns sound into what SyncNet hears: thirteen cepstral coefficients a hundred times a second.

Every step is as the features were that the public weights were trained on (no window function, filters from
0 Hz on whole bins, the first coefficient replaced by the energy), since a network knows only those. S counts
samples of a piece, B bins, M filters, C coefficients, T columns.
"""

from functools import lru_cache

import numpy as np

RATE = 16000
PIECE, HOP, FFT = 400, 160, 512
FILTERS, COEFFICIENTS = 26, 13
LIFTER = 22
EMPHASIS = 0.97
FULL_SCALE = 32768
"""Samples were 16 bit whole numbers."""


def mfcc(sound: np.ndarray) -> np.ndarray:
    """Returns coefficients, float32 (T, 13), of 16 kHz mono within -1..1; column t begins at t / 100 s."""
    assert sound.ndim == 1
    assert len(sound), "silence still has samples"
    sound = sound.astype(np.float64) * FULL_SCALE
    sound = np.append(sound[0], sound[1:] - EMPHASIS * sound[:-1])
    columns = 1 + max(0, -(-(len(sound) - PIECE) // HOP))
    sound = np.pad(sound, (0, max(0, (columns - 1) * HOP + PIECE - len(sound))))
    pieces_TS = np.lib.stride_tricks.sliding_window_view(sound, PIECE)[::HOP][:columns]
    power_TB = np.abs(np.fft.rfft(pieces_TS, FFT, axis=1)) ** 2 / FFT
    heard_TC = np.log(_above_zero(power_TB @ filters().T)) @ cosines().T
    heard_TC[:, 0] = np.log(_above_zero(power_TB.sum(1)))
    return heard_TC.astype(np.float32)


def _above_zero(power: np.ndarray) -> np.ndarray:
    return np.where(power == 0, np.finfo(float).eps, power)


@lru_cache
def filters() -> np.ndarray:
    """Returns the filters (M, B): triangles that overlap by half, evenly spaced on the mel scale."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    hz = 700 * (10 ** (np.linspace(0, top, FILTERS + 2) / 2595) - 1)
    edges = np.floor((FFT + 1) * hz / RATE)
    bins_B = np.arange(FFT // 2 + 1)
    low_M1, middle_M1, high_M1 = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins_B - low_M1) / (middle_M1 - low_M1), (high_M1 - bins_B) / (high_M1 - middle_M1)
    return np.minimum(rising, falling).clip(0)


@lru_cache
def cosines() -> np.ndarray:
    """Returns the orthonormal cosine transform (C, M), with the higher coefficients lifted."""
    order_C1, place_M = np.arange(COEFFICIENTS)[:, None], np.arange(FILTERS) + 0.5
    base_CM = np.sqrt(2 / FILTERS) * np.cos(np.pi / FILTERS * order_C1 * place_M)
    base_CM[0] /= np.sqrt(2)
    return base_CM * (1 + LIFTER / 2 * np.sin(np.pi / LIFTER * order_C1))
