"""Scores every clip cheaply, most of it without a model: how sharp, lit, turned, lively, spoken and in step it is.

Scores only; what is good enough is the verdict's business, so a new threshold decodes nothing again. The
picture is decoded once, at a few frames a second and so small that its face is always the same size, which
makes scores comparable between clips of any size; what needs every frame comes from ingest's track.
"""

import io
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from infra.resources import Needs
from models.audio.activity import VoiceActivity
from models.faces.face import face_centre, face_size
from models.weights.digests import digest
from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.store import Store
from tasks.ingest import Ingest
from tasks.ingest.track_data import TrackData
from tasks.quality.face_scores import face_scores
from tasks.quality.picture_scores import REGION, picture_scores
from tasks.quality.rows import QualityInput, QualityRow
from tasks.quality.sound_scores import sound_scores
from tasks.stage import Annotate, StageConfig

LUMA = np.array([0.299, 0.587, 0.114], np.float32) / 255


class QualityConfig(StageConfig):
    """How closely a clip is looked at."""

    sample_fps: float = Field(default=5.0, gt=0, le=240)
    """Frames per second that are scored."""
    face_side: int = Field(default=32, ge=8, le=1024)
    """Pixels a face is shrunk to while scoring: finer blur than that is not seen."""
    speech_model: str = ""
    """Reference of silero-vad's ONNX file, which then says what is speech; empty: pitch and restlessness do."""


class Quality(Annotate):
    """The stage: a clip in, its scores out."""

    name = "quality"
    reads = (Ingest,)
    version = 3
    needs = Needs(cpus=1, batch=8, timeout_s=300)
    Config = QualityConfig
    Input = QualityInput
    Output = QualityRow
    config: QualityConfig
    activity: VoiceActivity | None = None

    def weights(self) -> dict[str, str]:
        reference = self.config.speech_model
        return {reference: digest(reference)} if reference else {}

    def setup(self, store: Store) -> None:
        super().setup(store)
        self.activity = VoiceActivity(self.config.speech_model) if self.config.speech_model else None

    def __call__(self, rows: Sequence[QualityInput]) -> list[QualityRow]:
        return [self._one(row) for row in rows]

    def _one(self, row: QualityInput) -> QualityRow:
        track = TrackData.from_bytes(row.track_data)
        luma_THW, side = self._face_region(row, track)
        scores = picture_scores(luma_THW) | face_scores(track, row.fps, side)
        scores |= sound_scores(row, track, self.activity)
        return QualityRow(id=row.id, frames_scored=len(luma_THW), **scores)

    def _face_region(self, row: QualityInput, track: TrackData) -> tuple[np.ndarray, int]:
        """Luma 0..1 of one square for the whole clip, and the clip's own side.

        The square stands still: were it to follow, a still face would seem to move.
        """
        five_52 = np.median(track.five_T52, axis=0)
        with open_media(io.BytesIO(row.video)) as media:
            if media.video is None:
                raise ValueError(f"clip {row.id} has no picture; ingest its source again")
            clip_side = media.video.width
            scale = self.config.face_side / face_size(five_52)
            shrunk = max(16, round(clip_side * scale))
            video = decode_video(media, fps=self.config.sample_fps, size=(shrunk, shrunk))
            side = min(round(REGION * self.config.face_side), shrunk)
            corner_2 = np.round(face_centre(five_52) * scale - side / 2).astype(int)
            left, top = np.clip(corner_2, 0, shrunk - side)
            region = [rgb[top : top + side, left : left + side].astype(np.float32) @ LUMA for rgb in video]
        if not region:
            raise ValueError(
                f"no frame of clip {row.id} can be decoded ({video.damage}); ingest its source again"
            )
        return np.stack(region), clip_side
