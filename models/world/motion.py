"""Moves things: band-limited noise and smooth steps, at 25 frames a second."""

import numpy as np

FPS = 25
WAVES = 5
"""Enough for a motion that doesn't seem to repeat in a minute."""


def wander(
    rng: np.random.Generator, frames: int, hertz: float, size: float | np.ndarray, width: int = 1
) -> np.ndarray:
    """Returns noise about 0 of that standard deviation, FD, nothing of it faster than `hertz`.

    A sum of sines, so that no frame can jump: no step exceeds 0.8 * size * hertz.
    """
    hertz_WD, phase_WD = (
        hertz * rng.uniform(0.1, 1, (WAVES, width)),
        rng.uniform(0, 2 * np.pi, (WAVES, width)),
    )
    seconds_F11 = np.arange(frames)[:, None, None] / FPS
    waves_FWD = np.sin(2 * np.pi * hertz_WD * seconds_F11 + phase_WD)
    return np.sqrt(2 / WAVES) * size * waves_FWD.sum(1)


def smoothstep(x: np.ndarray) -> np.ndarray:
    """Returns 0 up to 0 and 1 from 1 on, level at both ends."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def bump(frames: int, middle: float, width: float) -> np.ndarray:
    """Returns a bell in time: 1 at `middle` seconds, `width` seconds its standard deviation."""
    return np.exp(-0.5 * ((np.arange(frames) / FPS - middle) / width) ** 2)
