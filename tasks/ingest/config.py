"""Says how clips are made: the settings of the stage `ingest`, all of them part of its fingerprint."""

from typing import Literal, Self

from pydantic import Field, model_validator

from tasks.ranges import ClipSeconds, Crf, FacePixels, FramesApart, check_order
from tasks.stage import StageConfig

Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"
]  # fmt: skip
"""Of x264."""


class IngestConfig(StageConfig):
    """Settings of `ingest`."""

    size: int = Field(default=64, ge=32, le=4096, multiple_of=2)
    """Pixels of a clip's side."""
    fps: int = Field(default=25, ge=1, le=240)
    min_seconds: ClipSeconds = 1.0
    """Shorter spans make no clip."""
    max_seconds: ClipSeconds = 10.0
    """Longer spans become several clips, which don't overlap."""
    margin: float = Field(default=1.85, ge=0.5, le=10)
    """Side of the square, in face sizes (about brow to chin)."""
    min_face_px: FacePixels = 24.0
    """Face size in the source's pixels; smaller faces make no clip."""
    faces: Literal["reject", "largest", "every", "speaking"] = "speaking"
    """Where several faces are visible: no clip, the largest, each, or the one whose lips fit the sound."""
    detect_every: FramesApart = 5
    """Frames between two looks for faces in the whole picture; between them each known face is followed."""
    crf: Crf = 16
    """Quality of the encoded clips: lower is better and larger."""
    preset: Preset = "veryfast"
    """Of the encoder: slower is smaller."""
    face: Literal["mini", "mesh", "mediapipe", "yunet"] = "mini"
    """What finds faces and their landmarks."""
    face_model: str = "mini:face"
    """Reference of its weights: mini:NAME, or a path."""
    identity_model: str = "mini:identity"
    """Reference of an ArcFace-like ONNX file that tells people apart; empty for none."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_order(self, "min_seconds", "max_seconds")
        return self
