"""Makes what the mini Whisper learns from: speech, with the lips and the phone at each position.

B counts lessons, M mel bands, T mel columns (100 a second), P positions (50 a second).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import WhisperFeatureExtractor

from models.audio.whisper import FEATURES_HZ, RATE, WINDOW_S
from models.world.people import make_person
from models.world.sound.phones import GLIDES, SOUNDS
from models.world.sound.speech import Speech, speak
from models.world.sound.voice import synthesise

PHONES = (*SOUNDS, *GLIDES)
POSITIONS = WINDOW_S * FEATURES_HZ


@dataclass(frozen=True)
class Plan:
    """How the mini Whisper is trained."""

    seed: int = 1
    people: int = 400
    seconds: tuple[float, float] = (3.0, 30.0)
    """Of speech from each, between these."""
    steps: int = 900
    rate: float = 2e-3
    short: int = 160
    """Positions of most lessons, which begin anywhere in the 30 seconds: attention over all is dear."""
    batch: int = 16
    whole_every: int = 4
    """One lesson in so many is of 30 seconds with silence round the speech, as in use."""
    whole_batch: int = 3
    strangers: int = 60


@dataclass(frozen=True)
class Lesson:
    """One speaker's sound, and what the lips do meanwhile."""

    mel_MT: np.ndarray
    """float16, 30 seconds, silent before and after the speech."""
    lips_P3: np.ndarray
    phone_P: np.ndarray
    first: int
    """The positions between which somebody speaks."""
    last: int


def make_lesson(plan: Plan, person: int, extractor: WhisperFeatureExtractor) -> Lesson:
    """Makes one person's lesson.

    Half of them are silent at first, too: a net that always heard speech at once takes the lead for a part.
    """
    rng = np.random.default_rng([plan.seed, person, 4])
    count = round(rng.uniform(*plan.seconds) * FEATURES_HZ)
    first = int(rng.integers(POSITIONS - count + 1)) if rng.random() < 0.5 else 0
    speech = speak(rng, count / FEATURES_HZ, singing=bool(rng.random() < 0.1))
    sound = synthesise(speech, make_person(person).voice, rng)
    sound = sound + np.float32(10 ** (rng.uniform(-75, -38) / 20)) * rng.standard_normal(
        len(sound), np.float32
    )
    sound = np.pad(sound, (first * RATE // FEATURES_HZ, 0))
    mel_MT = extractor(sound, sampling_rate=RATE, return_tensors="np").input_features[0]
    lips_P3, phone_P = np.zeros((POSITIONS, 3), np.float32), np.zeros(POSITIONS, np.int64)
    lips_P3[first : first + count] = speech.mouth(FEATURES_HZ, count)
    phone_P[first : first + count] = phones_of(speech, count)
    return Lesson(mel_MT.astype(np.float16), lips_P3, phone_P, first, first + count)


def phones_of(speech: Speech, count: int) -> np.ndarray:
    """Returns the phone at each position, as its place in `PHONES`; the pause is the first."""
    ends = np.array([phone.end_s for phone in speech.phones])
    which_P = np.searchsorted(ends, np.arange(count) / FEATURES_HZ, side="right").clip(0, len(ends) - 1)
    return np.array([PHONES.index(phone.name) for phone in speech.phones])[which_P]


def where_a_lesson_starts(lesson: Lesson, count: int, rng: np.random.Generator) -> int:
    """Chooses where a short lesson begins, so that at least half of it is speech."""
    earliest, latest = lesson.first - count // 2, lesson.last - count // 2
    return int(rng.integers(earliest, latest).clip(0, POSITIONS - count))


def batch(lessons: list[Lesson], starts: list[int], count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cuts so many positions out of each lesson."""
    pairs = list(zip(lessons, starts, strict=True))
    mel_BMT = np.stack([one.mel_MT[:, 2 * at : 2 * (at + count)] for one, at in pairs])
    lips_BP3 = np.stack([one.lips_P3[at : at + count] for one, at in pairs])
    phone_BP = np.stack([one.phone_P[at : at + count] for one, at in pairs])
    return torch.from_numpy(mel_BMT).float(), torch.from_numpy(lips_BP3), torch.from_numpy(phone_BP)


def vary(mel_BMT: Tensor, rng: torch.Generator) -> Tensor:
    """Gives each sound another microphone: smooth over the pitches, by some 3 dB."""
    knots_B1K = 0.07 * torch.randn(len(mel_BMT), 1, 6, generator=rng)
    colour_BM = interpolate(knots_B1K, mel_BMT.shape[1], mode="linear", align_corners=True)[:, 0]
    return mel_BMT + colour_BM[:, :, None]
