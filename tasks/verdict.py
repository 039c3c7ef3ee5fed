"""Accepts or rejects each video by its scores, and says which split it is in.

Runs over stored scores only, so trying other thresholds costs seconds and decodes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import Field, field_validator

from infra.resources import Needs
from storage.splits import split_of
from tasks.probe import Probe
from tasks.quality import Quality
from tasks.stage import Annotate, Rejected, StageConfig

Failure = tuple[str, str]


class VerdictConfig(StageConfig):
    min_side: int = 96
    """Pixels of the shorter side."""
    min_sharpness: float = 5.0
    """Variance of the Laplacian; blur and up-scaled thumbnails are below."""
    min_exposure: float = 0.1
    """Mean luma, 0..1."""
    max_exposure: float = 0.92
    """Mean luma, 0..1."""
    max_dark_share: float = 0.3
    """Share of frames that are nearly black."""
    max_bright_share: float = 0.3
    """Share of frames that are nearly white."""
    max_frozen_share: float = 0.7
    """Share of frames in which nothing moves: a still picture with speech teaches lips to stand still."""
    require_audio: bool = True
    """Reject videos without a sound track."""
    max_silence_share: float = 0.8
    """Share of the time without sound; speech with pauses has 0.1 to 0.6."""
    min_loudness_db: float = -45.0
    """RMS of what is not silent, dBFS."""
    max_clipping_share: float = 0.01
    """Share of samples at full scale."""
    max_nonfinite: int = 0
    """NaN and infinite samples."""
    allow_damage: bool = False
    """Accept videos of which a part cannot be decoded."""
    shares: dict[str, float] = Field(default={"train": 0.9, "val": 0.05, "test": 0.05})
    """Split -> share of the speakers, summing to 1. Changing it moves speakers between splits."""

    @field_validator("shares")
    @classmethod
    def _sums_to_one(cls, shares: dict[str, float]) -> dict[str, float]:
        split_of("", shares)
        return shares


@dataclass(frozen=True)
class VerdictInput:
    id: str
    speaker: str
    width: int
    height: int
    sharpness: float
    exposure: float
    dark_share: float
    bright_share: float
    frozen_share: float
    loudness_db: float | None
    silence_share: float | None
    clipping_share: float | None
    nonfinite_audio: int
    damage: str


@dataclass(frozen=True)
class VerdictRow:
    id: str
    split: str
    speaker: str
    """As given with the source; an unknown speaker is known by the video's id."""


class Verdict(Annotate):
    name = "verdict"
    reads = (Quality, Probe)
    needs = Needs(cpus=0.1, batch=256, timeout_s=60)
    Config = VerdictConfig
    Input = VerdictInput
    Output = VerdictRow
    config: VerdictConfig

    def __call__(self, rows: Sequence[VerdictInput]) -> list[VerdictRow | Rejected]:
        return [self._one(row) for row in rows]

    def _one(self, row: VerdictInput) -> VerdictRow | Rejected:
        failures = [*_whole(row, self.config), *_picture(row, self.config), *_sound(row, self.config)]
        if failures:
            return Rejected(row.id, failures[0][0], "; ".join(reason for _, reason in failures))
        speaker = row.speaker or row.id
        return VerdictRow(row.id, split_of(speaker, self.config.shares), speaker)


def _below(name: str, value: float, least: float) -> Iterator[Failure]:
    # Written so that NaN fails.
    if not value >= least:
        yield name, f"{name} {value:.3g} is below {least:g}"


def _above(name: str, value: float, most: float) -> Iterator[Failure]:
    if not value <= most:
        yield name, f"{name} {value:.3g} is above {most:g}"


def _whole(row: VerdictInput, limits: VerdictConfig) -> Iterator[Failure]:
    if row.damage and not limits.allow_damage:
        yield "damage", f"damaged: {row.damage}"
    if row.loudness_db is None and limits.require_audio:
        yield "no_audio", "there is no sound track; speech is needed"


def _picture(row: VerdictInput, limits: VerdictConfig) -> Iterator[Failure]:
    yield from _below("shorter_side", min(row.width, row.height), limits.min_side)
    yield from _above("frozen_share", row.frozen_share, limits.max_frozen_share)
    yield from _above("dark_share", row.dark_share, limits.max_dark_share)
    yield from _above("bright_share", row.bright_share, limits.max_bright_share)
    yield from _below("exposure", row.exposure, limits.min_exposure)
    yield from _above("exposure", row.exposure, limits.max_exposure)
    yield from _below("sharpness", row.sharpness, limits.min_sharpness)


def _sound(row: VerdictInput, limits: VerdictConfig) -> Iterator[Failure]:
    yield from _above("nonfinite_audio", row.nonfinite_audio, limits.max_nonfinite)
    if row.silence_share is not None:
        yield from _above("silence_share", row.silence_share, limits.max_silence_share)
    if row.loudness_db is not None:
        yield from _below("loudness_db", row.loudness_db, limits.min_loudness_db)
    if row.clipping_share is not None:
        yield from _above("clipping_share", row.clipping_share, limits.max_clipping_share)
