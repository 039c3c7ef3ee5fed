"""Invented speech as movement: what the lips, the voice and the breath do, a hundred times a second.

The same track moves the mouth of a head and drives a voice (models.world.voice), so sound and picture agree
by construction. Nobody understands the language, but it has what makes real speech hard: lips that shut for
m, b and p, neighbours that colour each other, stressed syllables, pauses, and singing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

RATE_HZ = 100
"""Rows of a track per second; phones begin and end on its grid."""


@dataclass(frozen=True)
class Sound:
    """The target of a phone. None: the phone does not care, so the lips take its neighbours' shape."""

    opening: float
    """0 shut .. 1 wide open."""
    width: float | None
    """-1 rounded .. 1 spread."""
    protrusion: float | None
    """0 .. 1 pushed forwards."""
    voicing: float
    loudness: float
    """Of the voice; `noise` is loudness of the breath: hiss, burst or aspiration."""
    noise: float
    seconds: float
    plosive: bool = False
    """Holds the breath, then bursts."""


# fmt: off
PAUSE = "_"
SOUNDS = {
    #       opening width protrusion voicing loudness noise seconds
    PAUSE: Sound(0.00,  0.00, 0.00,  0.0, 0.00, 0.00, 0.25),
    "a":   Sound(0.95,  0.10, 0.00,  1.0, 0.90, 0.00, 0.15),
    "ae":  Sound(0.78,  0.60, 0.00,  1.0, 0.90, 0.00, 0.14),
    "e":   Sound(0.50,  0.70, 0.00,  1.0, 0.90, 0.00, 0.13),
    "i":   Sound(0.22,  1.00, 0.00,  1.0, 0.90, 0.00, 0.12),
    "o":   Sound(0.60, -0.60, 0.55,  1.0, 0.95, 0.00, 0.14),
    "u":   Sound(0.20, -1.00, 0.95,  1.0, 0.90, 0.00, 0.13),
    "uh":  Sound(0.42,  0.05, 0.10,  1.0, 0.85, 0.00, 0.09),
    "m":   Sound(0.00,  None, None,  1.0, 0.50, 0.00, 0.09),
    "n":   Sound(0.18,  None, None,  1.0, 0.50, 0.00, 0.08),
    "b":   Sound(0.00,  None, None,  1.0, 0.12, 0.20, 0.09, plosive=True),
    "p":   Sound(0.00,  None, None,  0.0, 0.00, 0.50, 0.11, plosive=True),
    "d":   Sound(0.20,  None, None,  1.0, 0.12, 0.25, 0.08, plosive=True),
    "t":   Sound(0.18,  None, None,  0.0, 0.00, 0.55, 0.10, plosive=True),
    "k":   Sound(0.28,  None, None,  0.0, 0.00, 0.50, 0.10, plosive=True),
    "f":   Sound(0.06,  0.25, 0.00,  0.0, 0.00, 0.35, 0.10),
    "v":   Sound(0.06,  0.25, 0.00,  1.0, 0.40, 0.20, 0.08),
    "th":  Sound(0.26,  0.20, 0.00,  0.0, 0.00, 0.35, 0.09),
    "s":   Sound(0.13,  0.55, 0.00,  0.0, 0.00, 0.60, 0.11),
    "z":   Sound(0.13,  0.55, 0.00,  1.0, 0.35, 0.40, 0.09),
    "sh":  Sound(0.22, -0.45, 0.70,  0.0, 0.00, 0.65, 0.11),
    "h":   Sound(0.45,  None, None,  0.0, 0.00, 0.40, 0.07),
    "l":   Sound(0.34,  0.25, 0.00,  1.0, 0.65, 0.00, 0.08),
    "r":   Sound(0.25, -0.45, 0.45,  1.0, 0.65, 0.00, 0.08),
    "w":   Sound(0.10, -0.95, 0.90,  1.0, 0.60, 0.00, 0.08),
}
GLIDES = {"ai": ("a", "i"), "au": ("a", "u"), "oi": ("o", "i"), "ei": ("e", "i")}
"""Vowels that move from one shape to another."""
# fmt: on
VOWELS = ("a", "ae", "e", "i", "o", "u", "uh", *GLIDES)
ONSETS = ("m", "m", "b", "b", "p", "p", *(name for name in SOUNDS if name not in (PAUSE, *VOWELS)))
"""What a syllable may begin with; shut lips twice as often, for they are what a dub is judged by."""
CODAS = ("m", "n", "n", "f", "s", "s", "sh", "th", "l", "r", "t", "k")
"""No p or b: at the end of a phrase their burst would open lips that must stay shut."""
RELEASE = 0.7
"""The share of a plosive after which it bursts."""
EASE_S = 0.055
"""What lips take to shut or to open; twice as long from one open shape to the next."""
SCALE = (-5, -3, -1, 0, 2, 4, 5)
"""Semitones of the notes that are sung, seen from the voice's own pitch."""


@dataclass(frozen=True)
class Phone:
    name: str
    start_s: float
    end_s: float
    effort: float
    """Scales opening and loudness; above 1 in a stressed syllable."""

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Speech:
    seconds: float
    track_T6: np.ndarray
    """Opening, width, protrusion, voicing, loudness, noise at t = row / RATE_HZ, to the end and beyond it."""
    phones: tuple[Phone, ...]
    notes: np.ndarray | None
    """Sung: semitones from the voice's own pitch, one per row of the track. None: spoken."""

    def mouth(self, fps: float, frames: int) -> np.ndarray:
        """Opening, width, protrusion of each frame: float32 (frames, 3). Frame k shows the time k / fps."""
        times = np.arange(frames) / fps * RATE_HZ
        rows = np.arange(len(self.track_T6))
        return np.stack([np.interp(times, rows, self.track_T6[:, c]) for c in range(3)], 1).astype(np.float32)

    @property
    def words(self) -> str:
        """Phones, separated by spaces; `_` is a pause."""
        return " ".join(phone.name for phone in self.phones)


def speak(rng: np.random.Generator, seconds: float, *, singing: bool = False) -> Speech:
    """A random utterance that begins and ends with shut lips."""
    assert seconds > 0.5, f"an utterance needs more than half a second, not {seconds}"
    return perform(_compose(rng, seconds, singing), seconds, rng, singing)


def perform(
    phones: tuple[Phone, ...], seconds: float, rng: np.random.Generator, singing: bool = False
) -> Speech:
    """Phones that follow each other without gaps, as movement."""
    times = np.arange(int(np.ceil(seconds * RATE_HZ)) + 1) / RATE_HZ
    mouth_T3 = _eased(times, *zip(*_lips(phones, rng), strict=True))
    sound_T3 = _eased(times, *zip(*_sound(phones), strict=True))
    notes = _melody(phones, times, rng) if singing else None
    return Speech(seconds, np.concatenate([mouth_T3, sound_T3], 1).astype(np.float32), phones, notes)


def _compose(rng: np.random.Generator, seconds: float, singing: bool) -> tuple[Phone, ...]:
    """Phrases of words and the pauses around them, fitted to the seconds there are."""
    phrases = max(1, round(seconds / (5 if singing else 2.2)))
    share = rng.uniform(0.05, 0.08) if singing else rng.uniform(0.10, 0.14)
    pauses = np.ones(phrases + 1)
    pauses[1:-1] = rng.uniform(2, 4, phrases - 1)
    pauses *= share * seconds / pauses.sum()
    spoken = (seconds - pauses.sum()) * rng.dirichlet(np.full(phrases, 40.0))
    planned = [(PAUSE, pauses[0], 1.0)]
    for length, pause in zip(spoken, pauses[1:], strict=True):
        planned += [*_phrase(rng, length, singing), (PAUSE, pause, 1.0)]
    ends = np.round(np.cumsum([length for _, length, _ in planned]), 2)
    ends[-1] = seconds
    starts = [0.0, *ends[:-1]]
    return tuple(
        Phone(name, float(start), float(end), effort)
        for (name, _, effort), start, end in zip(planned, starts, ends, strict=True)
    )


def _phrase(rng: np.random.Generator, seconds: float, singing: bool) -> list[tuple[str, float, float]]:
    """Words until the time is about filled, then all a little faster or slower to fill it exactly."""
    planned: list[tuple[str, float, float]] = []
    while sum(length for _, length, _ in planned) < max(seconds - 0.3, 0.1):
        planned += _word(rng, singing)
    pace = seconds / sum(length for _, length, _ in planned)
    return [(name, length * pace, effort) for name, length, effort in planned]


def _word(rng: np.random.Generator, singing: bool) -> Iterator[tuple[str, float, float]]:
    syllables = 1 if singing else int(rng.integers(1, 4))
    stressed = int(rng.integers(syllables))
    for syllable in range(syllables):
        effort = rng.uniform(0.95, 1.1) if syllable == stressed else rng.uniform(0.75, 0.95)
        if rng.random() < 0.9:
            yield _phone(rng, ONSETS, effort)
        name, length, _ = _phone(rng, VOWELS, effort)
        yield name, (rng.uniform(0.35, 0.9) if singing else length * effort), effort
        if rng.random() < 0.25:
            yield _phone(rng, CODAS, effort)


def _phone(rng: np.random.Generator, names: tuple[str, ...], effort: float) -> tuple[str, float, float]:
    name = names[rng.integers(len(names))]
    usual = 0.2 if name in GLIDES else SOUNDS[name].seconds
    return name, usual * rng.uniform(0.85, 1.35), float(effort)


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
