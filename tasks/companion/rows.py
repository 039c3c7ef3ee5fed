"""What a companion is made from, and what is known of it when it is made."""

from dataclasses import dataclass

from storage.ledger.rows import Blob

GENERATED = "generated"


@dataclass(frozen=True)
class CompanionInput:
    """A clip, its masks, and the sound of the clips whose words it is to speak."""

    id: str
    partner: str
    start: int
    frames: int
    fps: float
    video: Blob
    face_masks: Blob
    occluder_masks: Blob
    partner_audio: Blob | None
    second_audio: Blob | None
    third_audio: Blob | None
    how: str = ""
    start_s: float = 0.0
    track_data: Blob = b""
    source_width: int | None = None
    source_height: int | None = None
    source_fps: float | None = None
    source_s: float | None = None
    companion: str | None = None
    companion_content: str | None = None
    origin: str | None = None


@dataclass(frozen=True)
class CompanionRow:
    """The companion of one clip, and how it was made."""

    id: str
    origin: str
    """generated: by a generator, here; rendered, imported: given with the source."""
    seed: int
    """What its noise follows from, with the number of each segment's first frame."""
    segments: int
    """0, and what follows empty, where nothing was painted."""
    starts: list[int]
    """First frame of each segment."""
    motion: int
    """Frames that each but the first shares with the one before."""
    seams: list[float]
    """For each segment after the first, how far it is from the one before on the frames they share: mean difference
    in the painted part, of 0..255."""
    drifts: list[float]
    """For each segment how much brighter it was than the clip, before colours were matched, of 0..255."""
    painted_share: float
    """Of the picture, mean over frames: what was laid over it."""
    companion_video: Blob
    """MP4, as long and as large as the clip, with the sound that it speaks."""
    companion_audio: Blob
    """FLAC, 16 kHz: that sound."""
    poster: Blob
    """JPEG: some frames of clip, what was painted, companion, and difference."""
