"""Says what a pair is scored from, and what is said of it."""

from dataclasses import dataclass

from storage.ledger.rows import Blob


@dataclass(frozen=True)
class PairScoresInput:
    """Both halves of a pair, and what is to be painted in the first."""

    id: str
    origin: str
    companion_video: Blob
    companion_audio: Blob
    starts: list[int]
    motion: int
    face_masks: Blob
    occluder_masks: Blob
    video: Blob
    audio: Blob | None
    track_data: Blob


@dataclass(frozen=True)
class PairScoresRow:
    """What can be said of one pair in numbers. None is what this pair does not have."""

    id: str
    origin: str
    """As in companion: generated, rendered or imported."""
    given_place: float | None
    """Where among the pairs that were given with their source this one stands, 0 to 1: a share of so much takes it."""
    identity: float
    """Mean cosine of the two faces' vectors, frame by frame."""
    identity_least: float
    """Of the frame where it is least."""
    lip_distance: float
    """Mean distance of the mouth's points less `lip_noise`, in pixels of ArcFace's 112x112 template."""
    lip_noise: float
    """The same between the clip and itself encoded once more: what the landmarks' errors alone come to."""
    lost_share: float
    """Share of frames on which the companion's face was not found."""
    sync_clip: float | None
    """SyncNet's confidence in the clip and its own sound; None for clips too short to say."""
    sync_companion: float | None
    """In the companion and the sound that it is to speak."""
    sync_crossed: float | None
    """In the companion and the clip's sound: high where the lips are still the clip's."""
    outside_db: float | None
    """PSNR of the companion outside the face's mask, 60 at most; None where there is no outside."""
    occluder_db: float | None
    """The same on what is in front of the face; None where nothing is."""
    seam: float | None
    """Change of the painted part where segments meet, over that within them; None for one segment."""
    flicker: float | None
    """How much the painted part trembles, over how much the clip does there."""
    colour_drift: float | None
    """Grey levels by which the painted part's colour moves away from the clip's, from beginning to end."""
    yaw: float
    """Median of how far the head is turned to either side, in degrees."""
