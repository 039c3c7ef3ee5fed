"""Films people whom no network has seen, as latents, features and pixels: for measuring generators and editors.

Each is filmed twice with the same movements: the source, and the truth with the lips of the sound that the source is
given. F counts frames, N features of A numbers a latent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.audio.whisper import LAST, Whisper
from models.mini.generator.corpus import heard, windows_of
from models.mini.generator.people import Pair, film
from models.vae.opening import load_vae

FIRST = 200
"""Strangers before this one are for choices (how to sample, when to stop); these are for what is reported."""


@dataclass(frozen=True)
class Stranger:
    """One person nobody has seen, as latents and pixels; the truth is utterance 0, the source utterance 1."""

    pair: Pair
    windows: Mapping[str, Tensor]
    silence_FNA: Tensor


def strangers(first: int, count: int, vae: str = "mini:vae", whisper: str = "mini:whisper") -> list[Stranger]:
    """Films strangers: two in three with nothing before the face."""
    seen_by, heard_by = load_vae(vae), Whisper(whisper, (LAST,))
    found = []
    for person in range(first, first + count):
        pair = film(person, clear=person % 3 != 0)
        hiss = 1e-4 * np.random.default_rng(person).standard_normal(16000 * 3).astype(np.float32)
        found.append(Stranger(pair, windows_of(pair, seen_by, heard_by), heard(hiss, 5, heard_by)))
    return found


def sounds_of(people: Sequence[Stranger]) -> tuple[Tensor, Tensor]:
    """Returns what each is to say, and a hiss that says nothing, (N, F, N, A) each."""
    said = torch.stack([one.windows["audio"][0] for one in people]).float()
    return said, torch.stack([one.silence_FNA for one in people]).float()
