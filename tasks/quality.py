"""Scores every clip cheaply and without a model: how sharp, lit, turned, lively, spoken and in step it is.

Scores only; what is good enough is the verdict's business, so a new threshold decodes nothing again. The
picture is decoded once, at a few frames a second and so small that its face is always the same size, which
makes scores comparable between clips of any size; what needs every frame comes from ingest's track.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from infra.resources import Needs
from models.faces.face import face_centre, face_size
from storage.ledger.rows import Blob
from storage.media.container import open_media
from storage.media.decode import Audio, decode_audio, decode_video
from tasks.footage.agreement import agree
from tasks.footage.speech import speech_share
from tasks.footage.trackdata import TrackData
from tasks.ingest import Ingest
from tasks.stage import Annotate, StageConfig

LUMA = np.array([0.299, 0.587, 0.114], np.float32) / 255
REGION = 1.1
"""Side of the square that is scored, in face sizes: from above the brow to the chin."""
WINDOW_S = 0.02
SILENT_DBFS = -50.0
NO_LOUDNESS = -120.0
"""Stands for the loudness of digital silence, which is minus infinity."""
FROZEN = 0.004
"""One grey level: where no block of an eighth of the face changes by more, only the codec has flickered."""
BLOCKS = 8
DARK, BRIGHT = 0.08, 0.92
CUT = 5.0
"""Picture and points both jump at a cut, to so many times what the busier of their neighbours do; a cut
within one set measured 13, the liveliest uncut footage 4."""
CUT_REACH = 8
"""Frames on either side that count as neighbours."""
LEAST_JUMP = 0.02
"""Face sizes: a tracker's jitter on a still face is no jump."""


class QualityConfig(StageConfig):
    sample_fps: float = 5.0
    """Frames per second that are scored."""
    face_side: int = 32
    """Pixels a face is shrunk to while scoring: finer blur than that is not seen."""


@dataclass(frozen=True)
class QualityInput:
    id: str
    frames: int
    fps: float
    video: Blob
    audio: Blob | None
    track_data: Blob


@dataclass(frozen=True)
class QualityRow:
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
    """Share of the time in which somebody is heard to speak."""
    lip_strength: float | None
    """How well the lips fit the sound, in step (tasks/footage/agreement.py, as are the next two)."""
    lip_lag_frames: int | None
    """Where they fit best; positive: the sound is late."""
    lip_lead: float | None
    """How sure that lag is."""


SOUND_SCORES = [
    name for name, hint in QualityRow.__annotations__.items() if hint in (float | None, int | None)
]
"""What a clip without a sound track has no value for."""


class Quality(Annotate):
    name = "quality"
    reads = (Ingest,)
    version = 2
    needs = Needs(cpus=1, batch=8, timeout_s=300)
    Config = QualityConfig
    Input = QualityInput
    Output = QualityRow
    config: QualityConfig

    def __call__(self, rows: Sequence[QualityInput]) -> list[QualityRow]:
        return [self._one(row) for row in rows]

    def _one(self, row: QualityInput) -> QualityRow:
        track = TrackData.from_bytes(row.track_data)
        luma_THW, side = self._face_region(row, track)
        scores = _picture_scores(luma_THW) | _face_scores(track, row.fps, side) | _sound_scores(row, track)
        return QualityRow(id=row.id, frames_scored=len(luma_THW), **scores)

    def _face_region(self, row: QualityInput, track: TrackData) -> tuple[np.ndarray, int]:
        """Luma 0..1 of one square for the whole clip (were it to follow, a still face would seem to move),
        and the clip's own side."""
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


# -- the picture ---------------------------------------------------------------------------------------


def _picture_scores(luma_THW: np.ndarray) -> dict[str, Any]:
    means = luma_THW.mean(axis=(1, 2))
    change_THW = np.abs(np.diff(luma_THW, axis=0))
    return {
        "sharpness": float(np.mean([_sharpness(luma) for luma in luma_THW])),
        "exposure": float(means.mean()),
        "dark_share": float((means < DARK).mean()),
        "bright_share": float((means > BRIGHT).mean()),
        "motion": float(change_THW.mean()) if len(change_THW) else 0.0,
        "frozen_share": float((_largest_block(change_THW) < FROZEN).mean()) if len(change_THW) else 1.0,
    }


def _sharpness(luma_HW: np.ndarray) -> float:
    c = luma_HW * 255
    laplacian = 4 * c[1:-1, 1:-1] - c[:-2, 1:-1] - c[2:, 1:-1] - c[1:-1, :-2] - c[1:-1, 2:]
    return float(laplacian.var())


def _largest_block(change_THW: np.ndarray) -> np.ndarray:
    """Per pair of frames the mean change of its busiest block: a mouth is small, so a mean hides it."""
    t, side, _ = change_THW.shape
    block = max(1, round(side / REGION / BLOCKS))
    count = side // block
    cut = change_THW[:, : count * block, : count * block]
    return cut.reshape(t, count, block, count, block).mean(axis=(2, 4)).max(axis=(1, 2))


# -- the face ------------------------------------------------------------------------------------------


def _face_scores(track: TrackData, fps: float, side: int) -> dict[str, Any]:
    seen_T = track.score_T > 0
    if not seen_T.any():
        seen_T = np.ones_like(seen_T)
    yaw_T, pitch_T = (_steady(track.pose_T3[seen_T, axis]) for axis in (0, 1))
    return {
        "yaw_mean": float(np.abs(yaw_T).mean()),
        "yaw_max": float(np.abs(yaw_T).max()),
        "pitch_range": float(np.ptp(pitch_T)),
        "head_speed": _head_speed(track, fps, side),
        "mouth_motion": float(track.opening_T[seen_T].std()),
        "jump_cuts": _jump_cuts(track, side),
    }


def _steady(values_T: np.ndarray, reach: int = 1) -> np.ndarray:
    """Running median over a tenth of a second: one frame's slip of the tracker is no pose."""
    padded = np.pad(values_T, reach, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=1)


def _in_source(track: TrackData, points_TK2: np.ndarray, side: int) -> np.ndarray:
    """Points where they were in the source's picture, in units of the clip's typical face."""
    scale_T11 = track.square_T3[:, 2, None, None] / side
    corner_T12 = track.square_T3[:, None, :2] - track.square_T3[:, 2, None, None] / 2
    face = np.median([face_size(five_52) for five_52 in track.five_T52]) * np.median(scale_T11)
    return (points_TK2 * scale_T11 + corner_T12) / face


def _head_speed(track: TrackData, fps: float, side: int) -> float:
    centre_T2 = _in_source(track, np.stack([face_centre(five) for five in track.five_T52])[:, None], side)[
        :, 0
    ]
    steady_T2 = np.stack([_steady(centre_T2[:, axis], reach=2) for axis in (0, 1)], axis=1)
    steps = np.linalg.norm(np.diff(steady_T2, axis=0), axis=1)
    return float(steps.mean() * fps) if len(steps) else 0.0


def _jump_cuts(track: TrackData, side: int) -> int:
    """Frames at which the picture changes and the face jumps, both far more than around it."""
    points_TK2 = _in_source(track, track.points_TK2, side)
    jump_T = np.linalg.norm(np.diff(points_TK2, axis=0), axis=2).mean(axis=1)
    change_T = track.change_T[1:]
    if len(jump_T) < 2:
        return 0
    picture = change_T > CUT * (_busiest_near(change_T) + 0.05 * np.median(change_T))
    return int((picture & (jump_T > CUT * _busiest_near(jump_T)) & (jump_T > LEAST_JUMP)).sum())


def _busiest_near(values_T: np.ndarray) -> np.ndarray:
    """What a lively neighbour reaches (the 80th percentile: with held frames the median would be 0)."""
    padded = np.pad(values_T, CUT_REACH, mode="reflect" if len(values_T) > CUT_REACH else "edge")
    near = np.lib.stride_tricks.sliding_window_view(padded, 2 * CUT_REACH + 1)
    return np.quantile(np.delete(near, CUT_REACH, axis=1), 0.8, axis=1)


# -- the sound -----------------------------------------------------------------------------------------


def _sound_scores(row: QualityInput, track: TrackData) -> dict[str, Any]:
    if row.audio is None:
        return dict.fromkeys(SOUND_SCORES)
    with open_media(io.BytesIO(row.audio)) as media:
        audio = decode_audio(media)
    power = _window_power(audio, row.frames / row.fps)
    loud = power[power > 10 ** (SILENT_DBFS / 10)]
    fit = agree(np.where(track.score_T > 0, track.opening_T, np.nan), audio.samples, row.fps, audio.rate)
    return {
        "loudness_db": float(10 * np.log10(loud.mean())) if len(loud) else NO_LOUDNESS,
        "silence_share": float(1 - len(loud) / len(power)),
        "clipping_share": float((np.abs(audio.samples) >= 0.999).mean()) if len(audio.samples) else 0.0,
        "speech_share": speech_share(audio.samples, audio.rate),
        "lip_strength": fit.strength,
        "lip_lag_frames": fit.lag_frames,
        "lip_lead": fit.lead,
    }


def _window_power(audio: Audio, seconds: float) -> np.ndarray:
    """Mean square of each 20 ms of the picture's time; time without sound is silence."""
    step = round(WINDOW_S * audio.rate)
    padded = np.zeros(max(1, round(seconds / WINDOW_S)) * step, np.float32)
    kept = audio.samples[: len(padded)]
    padded[: len(kept)] = kept
    return (padded.reshape(-1, step) ** 2).mean(axis=1)
