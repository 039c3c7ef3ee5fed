"""Hears each clip once, as a Whisper does, so that a training never runs one: 50 vectors a second, packed.

What is kept is the whole clip's, in half precision, in the order of time: a training window reads its own part of
the bytes (models/audio/packed.py). It runs after the verdict, and no other stage reads it.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from infra.resources import Needs
from models.audio.packed import pack
from models.audio.windows import RATE, padded_with_silence
from models.weights.digests import digest
from storage.ledger.rows import Blob
from storage.media.container import open_media
from storage.media.decode import decode_audio
from storage.store import Store
from tasks.ingest import Ingest
from tasks.ranges import Layer
from tasks.stage import Annotate, Rejected, StageConfig
from tasks.verdict import Verdict

if TYPE_CHECKING:
    from models.audio.whisper import Whisper

NO_LOUDNESS = -120.0
"""Stands for the loudness of digital silence, which is minus infinity."""


class HearingConfig(StageConfig):
    """What listens, and which of its layers are kept."""

    whisper: str = "mini:whisper"
    """Reference of a Whisper in the layout of transformers; only its encoder is run."""
    layers: list[Layer] = Field(default=[0], min_length=1)
    """Blocks whose output is kept, counted from 1; 0 is the last one before its norm, -1 the same after it."""


@dataclass(frozen=True)
class HearingInput:
    """A clip's sound, and how long its picture is."""

    id: str
    frames: int
    fps: float
    audio: Blob | None


@dataclass(frozen=True)
class HearingRow:
    """What was heard in one clip."""

    id: str
    positions: int
    """Features, 50 a second of the picture; where the sound ends before it, the rest is silence."""
    layers: int
    numbers: int
    """Of one feature of one layer."""
    loudness: float
    """Root mean square of all samples, dBFS."""
    heard: Blob
    """The features (models/audio/packed.py)."""


class Hearing(Annotate):
    """The stage: a clip's sound in, features out."""

    name = "hearing"
    reads = (Verdict, Ingest)
    needs = Needs(cpus=1, batch=4, timeout_s=300, memory_gb=1.0)
    Config = HearingConfig
    Input = HearingInput
    Output = HearingRow
    config: HearingConfig
    whisper: "Whisper"

    def weights(self) -> dict[str, str]:
        return {self.config.whisper: digest(self.config.whisper)}

    def setup(self, store: Store) -> None:
        # Only workers listen: whoever reads a recipe should not wait for torch.
        import torch

        from models.audio.whisper import Whisper

        super().setup(store)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.whisper = Whisper(self.config.whisper, self.config.layers, device)

    def __call__(self, rows: Sequence[HearingInput]) -> list[HearingRow | Rejected]:
        return [self._one(row) for row in rows]

    def _one(self, row: HearingInput) -> HearingRow | Rejected:
        sound = None if row.audio is None else _decoded(row.audio)
        if sound is None or not len(sound):
            return Rejected(
                row.id,
                "no_sound",
                "the clip has no sound, and a training hears every clip; let only clips with sound through "
                "(verdict.require_audio), or leave hearing out",
            )
        heard_PLD = self.whisper.features(_as_long_as_the_picture(sound, row))
        positions, layers, numbers = heard_PLD.shape
        return HearingRow(row.id, positions, layers, numbers, loudness_db(sound), pack(heard_PLD))


def _decoded(audio: bytes) -> np.ndarray:
    with open_media(io.BytesIO(audio)) as media:
        return decode_audio(media, rate=RATE).samples


def _as_long_as_the_picture(sound: np.ndarray, row: HearingInput) -> np.ndarray:
    return padded_with_silence(sound, row.frames, row.fps)[: round(row.frames / row.fps * RATE)]


def loudness_db(sound: np.ndarray) -> float:
    """Returns the root mean square of all samples, dBFS."""
    power = float(np.square(sound, dtype=np.float64).mean())
    return max(10 * float(np.log10(power)), NO_LOUDNESS) if power else NO_LOUDNESS
