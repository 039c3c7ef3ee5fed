"""Turns a source into clips: one shot, one speaker, the face in the middle, 25 frames a second.

One decode pass a source. Its shots are found as it goes, the faces in them are followed, and for each face
a steady square around it is scaled and encoded, with the sound of the same span.
"""

from dataclasses import dataclass
from typing import Any, Literal

from infra.resources import Needs
from storage.rows import Blob
from tasks.probe import Probe
from tasks.stage import Expand, StageConfig


class IngestConfig(StageConfig):
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
    face: Literal["mini", "mediapipe", "yunet"] = "mini"
    """What finds faces and their landmarks."""
    face_model: str = "mini:face"
    """Reference of its weights: mini:NAME, or a path."""
    identity_model: str = "mini:identity"
    """Reference of an ArcFace-like ONNX file that tells people apart; empty for none."""


@dataclass(frozen=True)
class ClipRow:
    id: str
    """Hash of the source's content and the span."""
    uri: str
    """Of the source."""
    licence: str
    consent: str
    named_speaker: str
    """As the manifest names them; empty when it doesn't."""
    start_s: float
    """In the source, from the start of its picture."""
    frames: int
    fps: float
    shot: int
    """Number of the shot in the source, from 0."""
    track: int
    """Number of the face in the source, from 0."""
    faces: int
    """Most faces visible at once in this span."""
    face_px: float
    """Median face size in the source's pixels."""
    zoom: float
    """Source pixels per clip pixel: below 1 the clip is enlarged."""
    outside_share: float
    """Mean share of the square that lies beyond the picture's edge."""
    lost_share: float
    """Share of frames in which the face was not seen but guessed from its neighbours."""
    embedding: list[float] | None
    """Unit vector of who it is; None without an identity model."""
    damage: str
    """What could not be decoded in this span, in words; '' when everything could."""
    nonfinite_audio: int
    """NaN and infinite samples in this span, now 0."""
    video: Blob
    """MP4: H.264 4:2:0, with the sound as AAC."""
    audio: Blob | None
    """FLAC, 16 kHz mono, exactly frames / fps long; None without a sound track."""
    track_data: Blob
    """NPZ of the face, frame by frame (tasks/footage/trackdata.py)."""
    poster: Blob
    """JPEG: three frames side by side."""


class Ingest(Expand):
    name = "ingest"
    reads = (Probe,)
    needs = Needs(cpus=1, batch=1, timeout_s=3600, memory_gb=1.5)
    Config = IngestConfig
    Output = ClipRow
    config: IngestConfig
    Input: Any
