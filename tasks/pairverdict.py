"""Accepts or rejects each pair by its scores: limits are rows of a table, and one function holds scores to all of them.

Runs over stored scores only, so another limit computes no video. `redub whatif` asks the same function about all
stored pairs at once, so what it foretells is what a rebuild does.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from infra.resources import Needs
from storage.ledger.rows import schema_of
from tasks.pairscores import PairScores
from tasks.stage import Annotate, Rejected, StageConfig


@dataclass(frozen=True)
class Limit:
    """What one score has to keep: at least, or at most, what the setting says."""

    column: str
    bound: Literal["least", "most"]
    setting: str

    def of(self, config: "PairVerdictConfig") -> float | None:
        """Returns its value; None where it is off."""
        value: float | None = getattr(config, self.setting)
        return value


LIMITS = (
    Limit("given_place", "most", "given"),
    Limit("lost_share", "most", "lost_share"),
    Limit("identity", "least", "identity"),
    Limit("identity_least", "least", "identity_least"),
    Limit("lip_distance", "least", "lip_distance"),
    Limit("lip_noise", "most", "lip_noise"),
    Limit("sync_clip", "least", "sync_clip"),
    Limit("sync_companion", "least", "sync_companion"),
    Limit("sync_crossed", "most", "sync_crossed"),
    Limit("outside_db", "least", "outside_db"),
    Limit("occluder_db", "least", "occluder_db"),
    Limit("seam", "most", "seam"),
    Limit("flicker", "most", "flicker"),
    Limit("colour_drift", "most", "colour_drift"),
    Limit("yaw", "most", "yaw"),
)
"""The gravest first: the first that a pair fails gives the code of its rejection."""

Cosine = Field(ge=-1.0, le=1.0)
Share = Field(ge=0.0, le=1.0)
Positive = Field(ge=0.0, le=1e6)
Decibels = Field(ge=0.0, le=60.0)
Angle = Field(ge=0.0, le=180.0)


class PairVerdictConfig(StageConfig):
    """The limits that a pair has to keep. None is no limit; a score that a pair does not have is held to none."""

    given: Annotated[float | None, Share] = None
    """Share of the rendered and imported pairs that is taken, all by default; which ones goes by their ids."""
    lost_share: Annotated[float | None, Share] = None
    """Share of frames on which the companion's face was not found, at most."""
    identity: Annotated[float | None, Cosine] = 0.85
    """Mean cosine of the two faces, at least: the paper's. It belongs to the identity model."""
    identity_least: Annotated[float | None, Cosine] = None
    """Cosine of the worst frame, at least."""
    lip_distance: Annotated[float | None, Positive] = 1.0
    """Pixels of ArcFace's template by which the mouths are apart, at least: the paper's."""
    lip_noise: Annotated[float | None, Positive] = None
    """Such pixels by which landmarks err on this clip, at most: where it is large, a distance says little."""
    sync_clip: Annotated[float | None, Positive] = None
    """SyncNet's confidence in the clip, at least."""
    sync_companion: Annotated[float | None, Positive] = None
    """In the companion with the sound it is to speak, at least."""
    sync_crossed: Annotated[float | None, Positive] = None
    """In the companion with the clip's sound, at most."""
    outside_db: Annotated[float | None, Decibels] = None
    """PSNR outside the face's mask, at least."""
    occluder_db: Annotated[float | None, Decibels] = None
    """PSNR on what is in front of the face, at least."""
    seam: Annotated[float | None, Positive] = None
    """Change where segments meet over that within them, at most."""
    flicker: Annotated[float | None, Positive] = None
    """Trembling of the painted part over the clip's, at most."""
    colour_drift: Annotated[float | None, Positive] = None
    """Grey levels by which its colour drifts, at most."""
    yaw: Annotated[float | None, Angle] = None
    """Degrees that the head is turned to either side, at most."""


@dataclass(frozen=True)
class PairVerdictInput:
    """The scores that are judged."""

    id: str
    given_place: float | None
    lost_share: float
    identity: float
    identity_least: float
    lip_distance: float
    lip_noise: float
    sync_clip: float | None
    sync_companion: float | None
    sync_crossed: float | None
    outside_db: float | None
    occluder_db: float | None
    seam: float | None
    flicker: float | None
    colour_drift: float | None
    yaw: float


@dataclass(frozen=True)
class PairVerdictRow:
    """A pair that was accepted."""

    id: str


SCORES = schema_of(PairVerdictInput)


def kept(scores: pa.Table, config: PairVerdictConfig) -> dict[Limit, pa.ChunkedArray]:
    """Limit -> which rows keep it, for all limits that are on, over the columns of `PairVerdictInput`.

    NaN keeps no limit; what is missing keeps every one.
    """
    held = {"least": pc.greater_equal, "most": pc.less_equal}
    return {
        limit: pc.fill_null(held[limit.bound](scores[limit.column], value), True)
        for limit in LIMITS
        if (value := limit.of(config)) is not None
    }


def limited(config: PairVerdictConfig) -> set[str]:
    """Returns the scores that have a limit."""
    return {limit.column for limit in LIMITS if limit.of(config) is not None}


def accepted(scores: pa.Table, config: PairVerdictConfig) -> pa.ChunkedArray:
    """Returns which rows keep all limits."""
    passed = pa.chunked_array([pa.repeat(True, scores.num_rows)])
    for keeps in kept(scores, config).values():
        passed = pc.and_(passed, keeps)
    return passed


class PairVerdict(Annotate):
    """The stage: scores of pairs in, yes or no out."""

    name = "pairverdict"
    reads = (PairScores,)
    needs = Needs(cpus=0.1, batch=256, timeout_s=60)
    Config = PairVerdictConfig
    Input = PairVerdictInput
    Output = PairVerdictRow
    config: PairVerdictConfig

    def __call__(self, rows: Sequence[PairVerdictInput]) -> list[PairVerdictRow | Rejected]:
        scores = pa.Table.from_pylist([asdict(row) for row in rows], schema=SCORES)
        keeps = {limit: column.to_pylist() for limit, column in kept(scores, self.config).items()}
        broken = [[limit for limit, column in keeps.items() if not column[n]] for n in range(len(rows))]
        return [self._answer(row, limits) for row, limits in zip(rows, broken, strict=True)]

    def _answer(self, row: PairVerdictInput, broken: list[Limit]) -> PairVerdictRow | Rejected:
        if not broken:
            return PairVerdictRow(row.id)
        reasons = [_reason(limit, getattr(row, limit.column), limit.of(self.config)) for limit in broken]
        return Rejected(row.id, broken[0].column, "; ".join(reasons))


def _reason(limit: Limit, value: Any, bound: Any) -> str:
    beyond = "below" if limit.bound == "least" else "above"
    return f"{limit.column} {value:.3g} is {beyond} {bound:g}"
