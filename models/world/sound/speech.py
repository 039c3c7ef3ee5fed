"""Turns phones into movement: what the lips, the voice and the breath do, a hundred times a second.

The same track moves the mouth of a head and drives a voice (models/world/sound/voice.py), so sound and picture agree
by construction.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.world.sound.phones import GLIDES, SOUNDS, VOWELS, Phone, compose

RATE_HZ = 100
"""Rows of a track per second; phones begin and end on its grid."""
RELEASE = 0.7
"""The share of a plosive after which it bursts."""
EASE_S = 0.055
"""What lips take to shut or to open; twice as long from one open shape to the next."""
SCALE = (-5, -3, -1, 0, 2, 4, 5)
"""Semitones of the notes that are sung, seen from the voice's own pitch."""


@dataclass(frozen=True)
class Speech:
    """An utterance as movement."""

    seconds: float
    track_T6: np.ndarray
    """Opening, width, protrusion, voicing, loudness, noise at t = row / RATE_HZ, to the end and beyond it."""
    phones: tuple[Phone, ...]
    notes: np.ndarray | None
    """Sung: semitones from the voice's own pitch, one per row of the track. None: spoken."""

    def mouth(self, fps: float, frames: int) -> np.ndarray:
        """Returns opening, width, protrusion of each frame, float32 (frames, 3). Frame k shows the time k / fps."""
        times = np.arange(frames) / fps * RATE_HZ
        rows = np.arange(len(self.track_T6))
        return np.stack([np.interp(times, rows, self.track_T6[:, c]) for c in range(3)], 1).astype(np.float32)

    @property
    def words(self) -> str:
        """The phones, separated by spaces; `_` is a pause."""
        return " ".join(phone.name for phone in self.phones)


def speak(rng: np.random.Generator, seconds: float, *, singing: bool = False) -> Speech:
    """Makes a random utterance that begins and ends with shut lips."""
    assert seconds > 0.5, f"an utterance needs more than half a second, not {seconds}"
    return perform(compose(rng, seconds, singing), seconds, rng, singing)


def perform(
    phones: tuple[Phone, ...], seconds: float, rng: np.random.Generator, singing: bool = False
) -> Speech:
    """Turns phones that follow each other without gaps into movement."""
    times = np.arange(int(np.ceil(seconds * RATE_HZ)) + 1) / RATE_HZ
    mouth_T3 = _eased(times, *zip(*_lips(phones, rng), strict=True))
    sound_T3 = _eased(times, *zip(*_sound(phones), strict=True))
    notes = _melody(phones, times, rng) if singing else None
    return Speech(seconds, np.concatenate([mouth_T3, sound_T3], 1).astype(np.float32), phones, notes)


def _targets(phones: tuple[Phone, ...], rng: np.random.Generator) -> list[list[np.ndarray]]:
    """The lip shapes that each phone passes through; a shape that it leaves open comes from its neighbours."""
    shapes = []
    for phone in phones:
        sounds = [SOUNDS[name] for name in GLIDES.get(phone.name, (phone.name,))]
        own_N3 = np.array([(s.opening, s.width, s.protrusion) for s in sounds], float)
        scatter = np.array([phone.effort, 1, 1]) * rng.uniform(0.9, 1.08, 3)
        shapes.append(list(np.clip(own_N3 * scatter, (0, -1, 0), 1)))
    for index, (shape, *_) in enumerate(shapes):
        if np.isnan(shape[1]):
            after = next((s[0] for s in shapes[index + 1 :] if not np.isnan(s[0][1])), np.zeros(3))
            before = shapes[index - 1][-1] if index else after
            shape[1:] = 0.4 * before[1:] + 0.6 * after[1:]
    return shapes


def _lips(phones: tuple[Phone, ...], rng: np.random.Generator) -> Iterator[tuple[float, np.ndarray]]:
    """Key shapes in time. Shut lips stay shut until they burst or the next phone begins."""
    for phone, shapes in zip(phones, _targets(phones, rng), strict=True):
        if shapes[0][0] == 0:
            parting = _release(phone) - 1 / RATE_HZ if SOUNDS[phone.name].plosive else phone.end_s
            yield phone.start_s, shapes[0]
            yield parting, shapes[0]
            continue
        ease = min(EASE_S, 0.45 * phone.seconds)
        yield phone.start_s + ease, shapes[0]
        if len(shapes) == 2:
            yield phone.start_s + 0.4 * phone.seconds, shapes[0]
            yield phone.start_s + 0.8 * phone.seconds, shapes[1]
        yield phone.end_s - ease, shapes[-1]


def _release(phone: Phone) -> float:
    """When a plosive bursts, on the track's grid so that no row misses it."""
    return round(phone.start_s + RELEASE * phone.seconds, 2)


def _sound(phones: tuple[Phone, ...]) -> Iterator[tuple[float, np.ndarray]]:
    """Key values of voicing, loudness and noise; they change within two rows."""
    step = 1 / RATE_HZ
    for phone in phones:
        sound = SOUNDS[GLIDES.get(phone.name, (phone.name,))[0]]
        voice = sound.voicing, sound.loudness * phone.effort
        hiss = np.array([*voice, sound.noise])
        if not sound.plosive:
            yield phone.start_s + step / 2, hiss
            yield phone.end_s - step / 2, hiss
            continue
        held, release = np.array([*voice, 0.0]), _release(phone)
        yield phone.start_s + step / 2, held
        yield release - step / 2, held
        yield release, hiss
        yield release + step, hiss
        yield max(release + 1.5 * step, phone.end_s - step / 2), hiss * (1, 1, 0.4)


def _eased(times: np.ndarray, keys: tuple[float, ...], values: tuple[np.ndarray, ...]) -> np.ndarray:
    """Moves from key to key, starting and stopping gently."""
    place = np.interp(times, keys, np.arange(len(keys)))
    index = np.minimum(place.astype(int), len(keys) - 2)
    share = 0.5 - 0.5 * np.cos(np.pi * (place - index))
    value_K3 = np.stack(values)
    return value_K3[index] + share[:, None] * (value_K3[index + 1] - value_K3[index])


def _melody(phones: tuple[Phone, ...], times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A note for every vowel, slid into, with a late vibrato; at the ends of the scale the tune turns back."""
    sung = [phone for phone in phones if phone.name in VOWELS]
    top = len(SCALE) - 1
    walk = 3 + np.cumsum(rng.choice((-2, -1, 0, 1, 2), len(sung)))
    steps = top - np.abs(top - walk % (2 * top))
    keys: list[tuple[float, np.ndarray]] = []
    depth = np.zeros(len(times))
    for phone, step in zip(sung, steps, strict=True):
        note = np.array([SCALE[step]], float)
        keys += [(phone.start_s, note), (phone.end_s - min(0.06, phone.seconds / 2), note)]
        depth += np.clip((times - phone.start_s - 0.15) / 0.2, 0, 1) * (times < phone.end_s)
    vibrato = 0.25 * np.sin(2 * np.pi * rng.uniform(4.8, 6.2) * times)
    return (_eased(times, *zip(*keys, strict=True))[:, 0] + depth * vibrato).astype(np.float32)
