"""A mouth that opens and shuts, and a voice as loud as it is open: what tests of lips and of speech start from."""

import numpy as np

RATE, FPS = 16000, 25


def mouth(frames, seed=0):
    """Syllables of uneven length, open and shut in turn, as shares of a face's size."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(2, 6, frames))
    heights = np.where(np.arange(frames) % 2, rng.uniform(0.04, 0.1, frames), 0.005)
    return np.interp(np.arange(frames), times, heights)


def voice(opening, seed=0):
    """A buzz with harmonics and a little room noise, as loud as the mouth is open."""
    rng = np.random.default_rng(seed)
    t = np.arange(len(opening) * RATE // FPS) / RATE
    loud = np.interp(t * FPS - 0.5, np.arange(len(opening)), opening) / 0.1
    buzz = sum(np.sin(2 * np.pi * 130 * k * t) / k for k in range(1, 40))
    return (0.2 * loud**2 * buzz + 0.001 * rng.normal(size=len(t))).astype(np.float32)
