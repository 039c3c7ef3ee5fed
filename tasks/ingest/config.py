"""Says how clips are made: the settings of the stage `ingest`, all of them part of its fingerprint."""

from typing import Literal

from tasks.stage import StageConfig


class IngestConfig(StageConfig):
    """Settings of `ingest`."""

    size: int = 64
    """Pixels of a clip's side."""
    fps: int = 25
    min_seconds: float = 1.0
    """Shorter spans make no clip."""
    max_seconds: float = 10.0
    """Longer spans become several clips, which don't overlap."""
    margin: float = 1.85
    """Side of the square, in face sizes (about brow to chin)."""
    min_face_px: float = 24.0
    """Face size in the source's pixels; smaller faces make no clip."""
    faces: Literal["reject", "largest", "every", "speaking"] = "speaking"
    """Where several faces are visible: no clip, the largest, each, or the one whose lips fit the sound."""
    detect_every: int = 5
    """Frames between two looks for faces in the whole picture; between them each known face is followed."""
    crf: int = 16
    """Quality of the encoded clips: lower is better and larger."""
    preset: str = "veryfast"
    """Of the encoder: slower is smaller."""
    face: Literal["mini", "mesh", "mediapipe", "yunet"] = "mini"
    """What finds faces and their landmarks."""
    face_model: str = "mini:face"
    """Reference of its weights: mini:NAME, or a path."""
    identity_model: str = "mini:identity"
    """Reference of an ArcFace-like ONNX file that tells people apart; empty for none."""
