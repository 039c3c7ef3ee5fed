"""Opens both halves of a pair, each once, and holds them to being the same clip: as long, as large, as often a second."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from models.audio.windows import RATE, padded_with_silence
from storage.media.container import Media, MediaError, open_media
from storage.media.decode import decode_audio, decode_video
from tasks.facemask import visible_mask
from tasks.ingest.track_data import TrackData
from tasks.masks import unpack
from tasks.pairscores.rows import PairScoresInput


class Refused(Exception):
    """A pair that is none: why, for counting and for a person."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True)
class OpenPair:
    """Both halves of a pair. F frames of H x W pixels."""

    id: str
    clip_FHWC: np.ndarray
    made_FHWC: np.ndarray
    fps: float
    face_FHW: np.ndarray
    occluded_FHW: np.ndarray
    track: TrackData
    borders: list[int]
    """First new frame of each segment but the first."""
    clip_sound: np.ndarray | None
    """16 kHz, at least as long as the picture."""
    made_sound: np.ndarray

    @property
    def painted_FHW(self) -> np.ndarray:
        return visible_mask(self.face_FHW, self.occluded_FHW)


def open_pair(row: PairScoresInput) -> OpenPair:
    """Decodes and unpacks everything; raises Refused for halves that don't fit, ValueError for what is damaged."""
    (clip_FHWC, fps), (made_FHWC, made_fps) = (
        _decoded(row.video, "clip"),
        _decoded(row.companion_video, "companion"),
    )
    _check_same(clip_FHWC, fps, made_FHWC, made_fps)
    pair = OpenPair(
        id=row.id,
        clip_FHWC=clip_FHWC,
        made_FHWC=made_FHWC,
        fps=fps,
        face_FHW=unpack(row.face_masks),
        occluded_FHW=unpack(row.occluder_masks),
        track=TrackData.from_bytes(row.track_data),
        borders=[start + row.motion for start in row.starts[1:]],
        clip_sound=None if row.audio is None else _sound(row.audio, "clip", len(clip_FHWC), fps),
        made_sound=_sound(row.companion_audio, "companion", len(clip_FHWC), fps),
    )
    _check_parts(pair)
    return pair


def _decoded(video: bytes, whose: str) -> tuple[np.ndarray, float]:
    with _opened(video, whose) as media:
        frames = list(opened := decode_video(media))
        rate = media.video.average_rate if media.video else None
    if not frames or not rate:
        raise Refused(
            "undecodable", f"no frame of the {whose} can be decoded ({opened.damage or 'undamaged'})"
        )
    return np.stack(frames), float(rate)


def _sound(audio: bytes, whose: str, frames: int, fps: float) -> np.ndarray:
    with _opened(audio, f"{whose}'s sound") as media:
        return padded_with_silence(decode_audio(media, rate=RATE).samples, frames, fps)


@contextmanager
def _opened(data: bytes, whose: str) -> Iterator[Media]:
    try:
        with open_media(io.BytesIO(data)) as media:
            yield media
    except MediaError as error:
        raise Refused(error.code, f"the {whose} can't be read: {error}") from error


def _check_same(clip_FHWC: np.ndarray, fps: float, made_FHWC: np.ndarray, made_fps: float) -> None:
    (frames, height, width), (made_frames, made_height, made_width) = clip_FHWC.shape[:3], made_FHWC.shape[:3]
    if made_frames != frames:
        raise Refused("length", f"the companion has {made_frames} frames, the clip {frames}")
    if (made_height, made_width) != (height, width):
        raise Refused(
            "size", f"the companion is {made_width}x{made_height} pixels, the clip {width}x{height}"
        )
    if abs(made_fps - fps) > 0.01:
        raise Refused("rate", f"the companion has {made_fps:g} frames a second, the clip {fps:g}")


def _check_parts(pair: OpenPair) -> None:
    shape = pair.clip_FHWC.shape[:3]
    for what, masks_FHW in (("face", pair.face_FHW), ("occluders", pair.occluded_FHW)):
        if masks_FHW.shape != shape:
            raise ValueError(
                f"clip {pair.id} is {shape} (frames, height, width), its masks of the {what} are {masks_FHW.shape}; "
                "make them again from this clip"
            )
    if len(pair.track.five_T52) != shape[0]:
        raise ValueError(
            f"clip {pair.id} has {shape[0]} frames, its track {len(pair.track.five_T52)}; ingest it again"
        )
    if any(not 0 < border < shape[0] for border in pair.borders):
        raise ValueError(
            f"companion {pair.id} has segments whose new frames begin at {pair.borders}, in {shape[0]} frames; make it anew"
        )
    if not pair.painted_FHW.any():
        raise Refused(
            "nothing_painted", "what is before the face covers all of it, so nothing could be painted"
        )
