"""Measures how well lips can be read off what a Whisper hears of strangers."""

from collections.abc import Callable

import numpy as np

from models.audio.whisper import FEATURES_HZ, RATE, Whisper, features_of_frames
from models.mini.world_pictures import TRAINING
from models.world.people import make_person
from models.world.sound.speech import speak
from models.world.sound.voice import synthesise

LIPS = ("opening_r2", "width_r2", "protrusion_r2")
FLOORS = {**dict.fromkeys(LIPS, 0.9), "late_r2": 0.8}


def measure(reference: str, people: int, seed: int = 1, taught: int = 60) -> dict[str, float]:
    """Measures how much of strangers' lips a ridge regression reads off 16 neighbouring features, learnt on others.

    `late_r2`: the least of the three where nothing is heard for ten seconds before the same speech.
    """
    whisper = Whisper(reference)
    read = ridge_regression(*_heard(whisper, seed, range(TRAINING, TRAINING + taught)))
    at_once_3, late_3 = (_r2(read, *_heard(whisper, seed, range(people), silence)) for silence in (0, 10))
    numbers = dict(zip(LIPS, at_once_3, strict=True)) | {"late_r2": min(late_3)}
    return {name: round(float(value), 4) for name, value in numbers.items()}


def _r2(read: Callable[[np.ndarray], np.ndarray], heard_ND: np.ndarray, lips_N3: np.ndarray) -> np.ndarray:
    return 1 - ((read(heard_ND) - lips_N3) ** 2).mean(0) / lips_N3.var(0)


def _heard(whisper: Whisper, seed: int, people: range, silence: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What is heard about each frame of six seconds of everybody's, and their lips."""
    heard, lips, frames = [], [], 150
    for person in people:
        rng = np.random.default_rng([seed, person, 5])
        speech = speak(rng, 6.0)
        sound = synthesise(speech, make_person(person).voice, rng)
        heard_PLD = whisper.features(np.pad(sound, (silence * RATE, 0)))[silence * FEATURES_HZ :]
        heard.append(features_of_frames(heard_PLD, frames).reshape(frames, -1))
        lips.append(speech.mouth(25, frames))
    return np.concatenate(heard), np.concatenate(lips)


def ridge_regression(
    x_ND: np.ndarray, y_NK: np.ndarray, stiffness: float = 300.0
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the linear reading of y off x.

    Weights are held small, or it would lean on when in the 30 seconds something is heard, of which Whisper's features
    tell a little, too.
    """
    mean_D, mean_K = x_ND.mean(0), y_NK.mean(0)
    x_ND = (x_ND - mean_D).astype(np.float64)
    weights_DK = np.linalg.solve(x_ND.T @ x_ND + stiffness * np.eye(x_ND.shape[1]), x_ND.T @ (y_NK - mean_K))
    return lambda z_MD: (z_MD - mean_D) @ weights_DK + mean_K
