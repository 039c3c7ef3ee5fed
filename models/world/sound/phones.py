"""Invents utterances of a language that nobody speaks: the phones it has, and random phrases of them.

Nobody understands it, but it has what makes real speech hard: lips that shut for m, b and p, neighbours that
colour each other, stressed syllables, pauses, and singing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


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


@dataclass(frozen=True)
class Phone:
    """One phone in time."""

    name: str
    start_s: float
    end_s: float
    effort: float
    """Scales opening and loudness; above 1 in a stressed syllable."""

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


def compose(rng: np.random.Generator, seconds: float, singing: bool) -> tuple[Phone, ...]:
    """Invents phrases of words and the pauses around them, fitted to the seconds there are."""
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
