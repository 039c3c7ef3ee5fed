"""Says what is read of a clip to score it, and what its scores are called."""

from dataclasses import dataclass

from storage.ledger.rows import Blob


@dataclass(frozen=True)
class QualityInput:
    """What of a clip is scored."""

    id: str
    frames: int
    fps: float
    video: Blob
    audio: Blob | None
    track_data: Blob


@dataclass(frozen=True)
class QualityRow:
    """The scores of one clip."""

    id: str
    frames_scored: int
    """Sampled frames the picture scores are from; all are of the square around the face."""
    sharpness: float
    """Variance of the Laplacian of luma 0..255, at QualityConfig.face_side pixels a face."""
    exposure: float
    """Mean luma, 0 black to 1 white."""
    dark_share: float
    """Share of frames that are nearly black."""
    bright_share: float
    motion: float
    """Mean change of luma from one sampled frame to the next, 0..1."""
    frozen_share: float
    """Share of sampled frames in which nothing has moved."""
    yaw_mean: float
    """Degrees away from the camera, either side."""
    yaw_max: float
    """The farthest it is held for a tenth of a second."""
    pitch_range: float
    """Degrees between looking farthest up and farthest down."""
    head_speed: float
    """Mean way of the face through the source's picture, in face sizes per second."""
    mouth_motion: float
    """Standard deviation of the gap between the lips, in face sizes: 0.02 and more when speaking."""
    jump_cuts: int
    """Cuts inside the clip: picture and face both jump."""
    loudness_db: float | None
    """RMS of what is not silent, dBFS."""
    silence_share: float | None
    """Share of the time without sound: 1 for digital silence."""
    clipping_share: float | None
    """Share of samples at or above full scale."""
    speech_share: float | None
    """Share of the time in which somebody is heard to speak, music or not."""
    music_share: float | None
    """Share of the time with sound in which a note is held (tasks/quality/music.py, as is the next)."""
    beat: float | None
    """How regularly sounds begin: 1 for a drum machine, up to 0.5 for speech; 0 below 2.5 s."""
    lip_strength: float | None
    """How well the lips fit the sound, in step (tasks/ingest/lip_sync.py, as are the next two)."""
    lip_lag_frames: int | None
    """Where they fit best; positive: the sound is late."""
    lip_lead: float | None
    """How sure that lag is."""


SOUND_SCORES = (
    "loudness_db", "silence_share", "clipping_share", "speech_share", "music_share", "beat",
    "lip_strength", "lip_lag_frames", "lip_lead",
)  # fmt: skip
"""What a clip without a sound track has no value for."""
