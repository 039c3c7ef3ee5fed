"""Accepts or rejects each clip by its scores.

Runs over stored scores only, so trying other thresholds costs seconds and decodes nothing. The stages with
large models come after it: they look at no clip that is thrown away.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, model_validator

from infra.resources import Needs
from tasks.ingest import Ingest
from tasks.quality import Quality
from tasks.ranges import Cosine, FacePixels, Share, check_order
from tasks.stage import Annotate, Rejected, StageConfig

Failure = tuple[str, str]
Sync = Literal["in_step", "out_of_sync", "unknown", "no_sound"]

FULL_S = 3.0
"""A shorter clip needs as much more strength: chance reaches more of it."""


class VerdictConfig(StageConfig):
    """The limits that a clip has to keep."""

    min_face_px: FacePixels = 24.0
    """Face size in the source's pixels; a smaller face enlarged is still blurred."""
    min_sharpness: float = Field(default=20.0, ge=0, le=1e6)
    """Variance of the Laplacian; about where a blur is as wide as a fifteenth of the face."""
    min_exposure: Share = 0.06
    """Mean luma of the face, 0..1; dark skin in dim light has 0.14."""
    max_exposure: Share = 0.92
    """Mean luma of the face, 0..1."""
    max_dark_share: Share = 0.3
    """Share of frames in which the face is nearly black."""
    max_bright_share: Share = 0.3
    """Share of frames in which the face is nearly white."""
    max_yaw: float = Field(default=50.0, ge=0, le=180)
    """Degrees: farther round, half of the mouth is out of sight."""
    max_lost_share: Share = 0.2
    """Share of frames in which the face was guessed from its neighbours."""
    max_outside_share: Share = 0.25
    """Share of the clip that lies beyond the source's edge."""
    max_jump_cuts: int = Field(default=0, ge=0, le=1_000_000)
    """Cuts inside a clip, where the mouth leaps."""
    max_frozen_share: Share = 0.7
    """Share of frames in which nothing moves: a still face with speech teaches lips to stand still."""
    min_mouth_motion: float = Field(default=0.003, ge=0, le=10)
    """Standard deviation of the lips' gap in face sizes; a still picture that is panned has less."""
    require_audio: bool = True
    """Reject clips without a sound track."""
    max_silence_share: Share = 0.8
    """Share of the time without sound; speech with pauses has 0.1 to 0.6."""
    min_loudness_db: float = Field(default=-45.0, ge=-200, le=0)
    """RMS of what is not silent, dBFS."""
    max_clipping_share: Share = 0.01
    """Share of samples at full scale."""
    max_nonfinite: int = Field(default=0, ge=0, le=10**12)
    """NaN and infinite samples."""
    min_speech_share: Share = 0.15
    """Share of the time in which somebody is heard to speak."""
    max_music_share: Share = 0.25
    """Share of the time with sound in which a note is held; speech over quiet music has less."""
    max_beat: Share = 0.55
    """How regularly sounds may begin."""
    sung_lip_strength: Cosine = 0.2
    """Music that the lips fit so well is their own: song."""
    max_lip_lag_frames: int = Field(default=5, ge=0, le=1000)
    """Frames by which the sound may be early or late."""
    min_lip_lead: Share = 0.35
    """How sure a lag must be to be held against a clip."""
    weak_lip_lead: Share = 0.3
    """The same in clips of 3 s and more, where lips and sound don't fit in step either."""
    min_lip_strength: Cosine = 0.1
    """How well lips must fit the sound in step to be called so, in 3 s or more; in 1.5 s twice as well."""
    sync_unknown: Literal["accept", "reject"] = "accept"
    """What becomes of a clip of which nobody can tell: many short ones are right."""
    allow_damage: bool = False
    """Accept clips of which a part could not be decoded."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_order(self, "min_exposure", "max_exposure")
        return self


@dataclass(frozen=True)
class VerdictInput:
    """The scores that are judged."""

    id: str
    frames: int
    fps: float
    face_px: float
    outside_share: float
    lost_share: float
    damage: str
    nonfinite_audio: int
    sharpness: float
    exposure: float
    dark_share: float
    bright_share: float
    frozen_share: float
    yaw_max: float
    mouth_motion: float
    jump_cuts: int
    loudness_db: float | None
    silence_share: float | None
    clipping_share: float | None
    speech_share: float | None
    music_share: float | None
    beat: float | None
    lip_strength: float | None
    lip_lag_frames: int | None
    lip_lead: float | None


@dataclass(frozen=True)
class VerdictRow:
    """A clip that was accepted."""

    id: str
    sync: str
    """Whether lips and sound are in step: in_step, unknown, or no_sound."""


class Verdict(Annotate):
    """The stage: scores in, yes or no out."""

    name = "verdict"
    reads = (Quality, Ingest)
    version = 5
    needs = Needs(cpus=0.1, batch=256, timeout_s=60)
    Config = VerdictConfig
    Input = VerdictInput
    Output = VerdictRow
    config: VerdictConfig

    def __call__(self, rows: Sequence[VerdictInput]) -> list[VerdictRow | Rejected]:
        return [self._one(row) for row in rows]

    def _one(self, row: VerdictInput) -> VerdictRow | Rejected:
        """The first failure gives the code, so the gravest kinds come first."""
        kinds = (_whole, _movement, _picture, _sound, _sync)
        failures = [failure for kind in kinds for failure in kind(row, self.config)]
        if failures:
            return Rejected(row.id, failures[0][0], "; ".join(reason for _, reason in failures))
        return VerdictRow(row.id, sync_of(row, self.config))


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


def _movement(row: VerdictInput, limits: VerdictConfig) -> Iterator[Failure]:
    if row.jump_cuts > limits.max_jump_cuts:
        yield (
            "jump_cut",
            f"cuts inside the clip, where picture and face jump: {row.jump_cuts}; allowed: {limits.max_jump_cuts}",
        )
    if not row.frozen_share <= limits.max_frozen_share:
        yield (
            "frozen",
            f"nothing moves in {row.frozen_share:.0%} of frames; at most {limits.max_frozen_share:.0%} may stand still",
        )
    elif not row.mouth_motion >= limits.min_mouth_motion:
        yield "frozen", f"the lips stand still: their gap varies by {row.mouth_motion:.2g} of the face's size"


def _picture(row: VerdictInput, limits: VerdictConfig) -> Iterator[Failure]:
    yield from _below("face_px", row.face_px, limits.min_face_px)
    yield from _above("dark_share", row.dark_share, limits.max_dark_share)
    yield from _above("bright_share", row.bright_share, limits.max_bright_share)
    yield from _below("exposure", row.exposure, limits.min_exposure)
    yield from _above("exposure", row.exposure, limits.max_exposure)
    yield from _below("sharpness", row.sharpness, limits.min_sharpness)
    yield from _above("yaw", row.yaw_max, limits.max_yaw)
    yield from _above("lost_share", row.lost_share, limits.max_lost_share)
    yield from _above("outside_share", row.outside_share, limits.max_outside_share)


def _sound(row: VerdictInput, limits: VerdictConfig) -> Iterator[Failure]:
    yield from _above("nonfinite_audio", row.nonfinite_audio, limits.max_nonfinite)
    silent = list(_silence(row, limits))
    yield from silent
    if row.clipping_share is not None:
        yield from _above("clipping_share", row.clipping_share, limits.max_clipping_share)
    if not silent and row.speech_share is not None:
        yield from _below("speech_share", row.speech_share, limits.min_speech_share)
        yield from _music(row, limits)


def _silence(row: VerdictInput, limits: VerdictConfig) -> Iterator[Failure]:
    if row.silence_share is not None and not row.silence_share <= limits.max_silence_share:
        yield (
            "near_silence",
            f"nothing is heard in {row.silence_share:.0%} of the time; at most {limits.max_silence_share:.0%} may be silent",
        )
    elif row.loudness_db is not None and not row.loudness_db >= limits.min_loudness_db:
        yield (
            "near_silence",
            f"what is heard is as soft as {row.loudness_db:.0f} dB; at least {limits.min_loudness_db:g} dB are needed",
        )


def _music(row: VerdictInput, limits: VerdictConfig) -> Iterator[Failure]:
    if (row.lip_strength or 0.0) >= limits.sung_lip_strength:
        return
    music, beat = row.music_share or 0.0, row.beat or 0.0
    if not music <= limits.max_music_share:
        yield (
            "music",
            f"notes are held in {music:.0%} of the sound, as in music; at most {limits.max_music_share:.0%} are allowed, "
            "but where the lips sing them",
        )
    if not beat <= limits.max_beat:
        yield "music", f"sounds keep a beat, as in music: {beat:.2f}; at most {limits.max_beat:g} is allowed"


def sync_of(row: VerdictInput, limits: VerdictConfig) -> Sync:
    """Whether sound and lips are in step, as far as it can be told."""
    if row.lip_strength is None:
        return "no_sound"
    short = max(1.0, FULL_S * row.fps / max(row.frames, 1))
    fits = row.lip_strength >= limits.min_lip_strength * short
    weak = not fits and short == 1.0
    sure = min(limits.weak_lip_lead, limits.min_lip_lead) if weak else limits.min_lip_lead
    if abs(row.lip_lag_frames or 0) > limits.max_lip_lag_frames and (row.lip_lead or 0.0) >= sure:
        return "out_of_sync"
    return "in_step" if fits else "unknown"


def _sync(row: VerdictInput, limits: VerdictConfig) -> Iterator[Failure]:
    if any(_silence(row, limits)):
        return
    found, lag = sync_of(row, limits), row.lip_lag_frames or 0
    if found == "out_of_sync":
        yield (
            "out_of_sync",
            f"the sound fits the lips best {abs(lag)} frames {'late' if lag > 0 else 'early'} "
            f"(lead {row.lip_lead or 0.0:.2f}); at most {limits.max_lip_lag_frames} are allowed",
        )
    elif found == "unknown" and limits.sync_unknown == "reject":
        yield (
            "sync_unknown",
            f"whether the sound fits the lips cannot be told (strength {row.lip_strength:.2g}); "
            'sync_unknown = "accept" would let it pass',
        )
