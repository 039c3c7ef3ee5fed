"""Says what a row of `companion` holds: the clip with other lips, and how it was made."""

from dataclasses import dataclass

from storage.ledger.rows import Blob
from tasks.facemask import FaceMask
from tasks.ingest import Ingest
from tasks.stage import Annotate


@dataclass(frozen=True)
class CompanionInput:
    """A clip."""

    id: str
    video: Blob


@dataclass(frozen=True)
class CompanionRow:
    """The companion of one clip."""

    id: str
    origin: str
    """generated, rendered or imported."""
    seed: int
    segments: int
    starts: list[int]
    """First frame of each segment; the first 5 of all but the first are the previous one's last."""
    seams: list[float]
    drifts: list[float]
    painted_share: float
    companion_video: Blob
    companion_audio: Blob
    poster: Blob


class Companion(Annotate):
    """The stage."""

    name = "companion"
    reads = (FaceMask, Ingest)
    Input = CompanionInput
    Output = CompanionRow
