"""Joins the sound that a companion speaks from the utterances that its partner column names."""

import io
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from storage.media.container import open_media
from storage.media.decode import decode_audio

RATE = 16000
FADE = RATE // 100
"""Samples over which an utterance fades out before the next one fades in, so that joints do not click."""


class NoSound(Exception):
    """There is nothing to speak; says why."""


def joined_sound(flacs: Sequence[bytes | None], start_s: float, seconds: float) -> np.ndarray:
    """Returns 16 kHz mono of exactly so many seconds: the first from `start_s` on, then the others, then silence."""
    samples = round(seconds * RATE)
    parts = list(_parts(flacs, round(start_s * RATE), samples))
    if not parts:
        raise NoSound("the partner's clip has no sound track")
    for before, after in pairwise(parts):
        _faded(before, after)
    sound = np.concatenate(parts)[:samples]
    return np.pad(sound, (0, samples - len(sound)))


def _parts(flacs: Sequence[bytes | None], start: int, samples: int) -> Iterator[np.ndarray]:
    there = 0
    for number, flac in enumerate(flacs):
        if flac is None or there >= samples:
            continue
        with open_media(io.BytesIO(flac)) as media:
            sound = decode_audio(media, rate=RATE).samples[0 if number else start :]
        there += len(sound)
        if len(sound):
            yield sound.copy()


def _faded(before: np.ndarray, after: np.ndarray) -> None:
    for part, fade in ((before[-FADE:], np.linspace(1, 0, FADE)), (after[:FADE], np.linspace(0, 1, FADE))):
        part *= fade[: len(part)].astype(part.dtype)
