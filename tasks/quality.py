"""Scores every video cheaply and without a model: sharpness, light, motion, sound, damage, a poster.

Scores only; what is good enough is the verdict's business, so a new threshold decodes nothing again.
The first minute stands for the whole, sampled by timestamps; decoding is most of the cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from infra.resources import Needs
from storage.encode import encode_jpeg
from storage.listing import change_since
from storage.media import Audio, Media, decode_audio, decode_video, open_media
from storage.rows import Blob
from tasks.probe import Probe
from tasks.stage import Annotate, Rejected, StageConfig

LUMA = np.array([0.299, 0.587, 0.114], np.float32) / 255
WINDOW_S = 0.02
SILENT_DBFS = -50.0
NO_LOUDNESS = -120.0
"""Stands for the loudness of digital silence, which is minus infinity."""
FROZEN = 0.004
"""One grey level: where no 16x16 block changes by more, only the codec has flickered."""
DARK, BRIGHT = 0.08, 0.92


class QualityConfig(StageConfig):
    sample_fps: float = 5.0
    """Frames per second that are scored."""
    side: int = 256
    """Pixels of the longer side while scoring, so that sharpness compares between resolutions."""
    max_seconds: float = 60.0
    """Scored from the start of the video."""
    poster_side: int = 128
    """Pixels of the longer side of each of the poster's three pictures."""


@dataclass(frozen=True)
class QualityInput:
    id: str
    uri: str
    size: int
    mtime_ns: int
    width: int
    height: int
    duration_s: float


@dataclass(frozen=True)
class QualityRow:
    id: str
    frames_decoded: int
    """Sampled frames the picture scores are from."""
    sharpness: float
    """Variance of the Laplacian of luma 0..255: below about 10 is blur."""
    exposure: float
    """Mean luma, 0 black to 1 white."""
    dark_share: float
    """Share of frames that are nearly black."""
    bright_share: float
    motion: float
    """Mean change of luma from one sampled frame to the next, 0..1."""
    frozen_share: float
    """Share of sampled frames in which nothing has moved."""
    loudness_db: float | None
    """RMS of what is not silent, dBFS."""
    silence_share: float | None
    """Share of the video's time without sound: 1 for digital silence or a track that never starts."""
    clipping_share: float | None
    """Share of samples at or above full scale."""
    nonfinite_audio: int
    damage: str
    """What cannot be decoded, in words; '' when everything can."""
    poster: Blob


class Quality(Annotate):
    name = "quality"
    reads = (Probe,)
    needs = Needs(cpus=1, batch=2, timeout_s=300)
    Config = QualityConfig
    Input = QualityInput
    Output = QualityRow
    config: QualityConfig

    def __call__(self, rows: Sequence[QualityInput]) -> list[QualityRow | Rejected]:
        return [self._one(row) for row in rows]

    def _one(self, row: QualityInput) -> QualityRow | Rejected:
        self._check_unchanged(row)
        with self.store.open(row.uri) as file, open_media(file) as media:
            shrunk = _fit(row.width, row.height, self.config.side)
            seconds = min(row.duration_s, self.config.max_seconds)
            video = decode_video(media, fps=self.config.sample_fps, size=shrunk, span=(0.0, seconds))
            frames = [np.ascontiguousarray(rgb) for rgb in video]
            if not frames:
                return Rejected(row.id, "undecodable", f"no frame can be decoded ({video.damage or 'empty'})")
            sound, late = _sound_scores(media, seconds)
        self._check_unchanged(row)
        damage = "; ".join(text for text in (video.damage, late) if text)
        poster = _poster(frames, self.config.poster_side)
        return QualityRow(id=row.id, damage=damage, poster=poster, **_picture_scores(frames), **sound)

    def _check_unchanged(self, row: QualityInput) -> None:
        if how := change_since(self.store, row.uri, row.size, row.mtime_ns):
            raise RuntimeError(f"{row.uri} changed since it was probed ({how}); run again to list it anew")


def _fit(width: int, height: int, side: int) -> tuple[int, int]:
    scale = side / max(width, height)
    return max(16, round(width * scale)), max(16, round(height * scale))


def _picture_scores(frames: list[np.ndarray]) -> dict[str, Any]:
    luma_THW = np.stack([rgb.astype(np.float32) @ LUMA for rgb in frames])
    means = luma_THW.mean(axis=(1, 2))
    change_THW = np.abs(np.diff(luma_THW, axis=0))
    return {
        "frames_decoded": len(frames),
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


def _largest_block(change_THW: np.ndarray, block: int = 16) -> np.ndarray:
    """Per pair of frames the mean change of its busiest block: a mouth is small, so a mean hides it."""
    t, h, w = change_THW.shape
    rows, columns = h // block, w // block
    cut = change_THW[:, : rows * block, : columns * block]
    return cut.reshape(t, rows, block, columns, block).mean(axis=(2, 4)).max(axis=(1, 2))


def _sound_scores(media: Media, seconds: float) -> tuple[dict[str, Any], str]:
    """Scores over the picture's time, and what is wrong with the track."""
    if media.audio is None:
        nothing = dict.fromkeys(("loudness_db", "silence_share", "clipping_share"))
        return nothing | {"nonfinite_audio": 0}, ""
    audio = decode_audio(media, span=(0.0, seconds))
    power = _window_power(audio, seconds)
    loud = power[power > 10 ** (SILENT_DBFS / 10)]
    scores = {
        "loudness_db": float(10 * np.log10(loud.mean())) if len(loud) else NO_LOUDNESS,
        "silence_share": float(1 - len(loud) / max(len(power), 1)),
        "clipping_share": float((np.abs(audio.samples) >= 0.999).mean()) if len(audio.samples) else 0.0,
        "nonfinite_audio": audio.nonfinite,
    }
    short = seconds - audio.seconds > max(0.5, 0.1 * seconds)
    stops = f"sound stops after {audio.seconds:.1f} of {seconds:.1f} s" if short else ""
    return scores, "; ".join(text for text in (audio.damage, stops) if text)


def _window_power(audio: Audio, seconds: float) -> np.ndarray:
    """Mean square of each 20 ms of the video's time; time without sound is silence."""
    step = round(WINDOW_S * audio.rate)
    padded = np.zeros(max(1, round(seconds / WINDOW_S)) * step, np.float32)
    kept = audio.samples[: len(padded)]
    padded[: len(kept)] = kept
    return (padded.reshape(-1, step) ** 2).mean(axis=1)


def _poster(frames: list[np.ndarray], side: int) -> bytes:
    """Three pictures side by side, from near the start, the middle and near the end."""
    step = max(1, max(frames[0].shape[:2]) // side)
    picked = [frames[round(share * (len(frames) - 1))] for share in (0.1, 0.5, 0.9)]
    return encode_jpeg(np.concatenate([_shrink(rgb, step) for rgb in picked], axis=1))


def _shrink(rgb: np.ndarray, step: int) -> np.ndarray:
    """By averaging step x step pixels, to an even size, which 4:2:0 likes."""
    h, w = (side // (2 * step) * 2 for side in rgb.shape[:2])
    blocks = rgb[: h * step, : w * step].reshape(h, step, w, step, 3)
    return blocks.mean(axis=(1, 3)).astype(np.uint8)
