"""Draws what was found in a clip: three moments of the file it is from, and a film of the clip beside what is known of it.

F frames of H by W pixels; K landmarks; a square is centre x, y and side.
"""

import io
from collections.abc import Iterator

import numpy as np

from storage.drawing.contact_sheet import stills
from storage.media.container import MediaError, open_media
from storage.media.decode import decode_audio, decode_video
from storage.media.encode import encode_video
from storage.media.images import encode_jpeg
from storage.store import Store
from tasks.ingest.track_data import TrackData
from tasks.masks import overlaid, unpack

DOT = 320
"""Pixels of a picture's width for each pixel of a dot's."""
SQUARE, POINTS, FACE = (255, 214, 0), (90, 255, 120), (60, 255, 60)
MOMENTS = (0.1, 0.5, 0.9)
STILL_PX, FILM_PX = 480, 320
"""Pixels that a still is high, and a clip in a film wide, about."""
RATE = 16000


def source_moments(
    store: Store, uri: str, start_s: float, fps: float, track: TrackData, clip_px: int
) -> bytes | None:
    """JPEG: the file's own picture at three moments, with the clip's square and the landmarks; None if it is gone.

    `clip_px`: pixels of the clip's side, in which the track counts.
    """
    drawn = []
    try:
        for share in MOMENTS:
            at = round(share * (len(track.square_T3) - 1))
            begin = start_s + at / fps
            with store.open(uri) as file, open_media(file) as media:
                rgb_HWC = next(iter(decode_video(media, span=(begin, begin + 2 / fps))), None)
            if rgb_HWC is not None:
                drawn.append(_moment(rgb_HWC, track, at, clip_px))
    except (MediaError, OSError):
        return None
    return encode_jpeg(_beside(drawn)) if drawn else None


def file_moments(store: Store, uri: str) -> bytes | None:
    """JPEG: three moments of a file that gave no clip; None for what has no picture."""
    try:
        with store.open(uri) as file:
            return stills(file, STILL_PX)
    except (MediaError, OSError, ValueError):
        return None


def found_film(video: bytes, track: TrackData, face: bytes | None, occluded: bytes | None) -> bytes:
    """MP4 with the clip's sound: the clip, and beside it its landmarks, its face's outline, and what covers it in pink."""
    with open_media(io.BytesIO(video)) as media:
        rgb_FHWC = np.stack(list(decode_video(media)))
    with open_media(io.BytesIO(video)) as media:
        sound = decode_audio(media, rate=RATE).samples if media.audio else None
    empty = np.zeros(rgb_FHWC.shape[:3], bool)
    face_FHW, occluded_FHW = (unpack(one) if one else empty for one in (face, occluded))
    pairs = _frames(rgb_FHWC, track, face_FHW, occluded_FHW)
    return encode_video(None, pairs, _rate_of(video), sound, RATE, crf=23, preset="ultrafast")


def _rate_of(video: bytes) -> float:
    with open_media(io.BytesIO(video)) as media:
        assert media.video is not None
        return float(media.video.average_rate or 25)


def _frames(
    rgb_FHWC: np.ndarray, track: TrackData, face_FHW: np.ndarray, occluded_FHW: np.ndarray
) -> Iterator[np.ndarray]:
    # Who waits for the first word of a try should not wait for numba to be imported.
    from models.heads.masks import outline

    edge_FHW = outline(face_FHW) if face_FHW.any() else face_FHW
    times = max(1, FILM_PX // rgb_FHWC.shape[2])
    for at, rgb_HWC in enumerate(rgb_FHWC):
        shown = overlaid(rgb_HWC, occluded_FHW[at]) if occluded_FHW[at].any() else rgb_HWC.copy()
        shown[edge_FHW[at]] = FACE
        plain, shown = (
            one.repeat(times, 0).repeat(times, 1) if times > 1 else one for one in (rgb_HWC, shown)
        )
        if track.score_T[at] > 0:
            _dots(shown, track.points_TK2[at] * times)
        yield np.concatenate([plain, shown], axis=1)


def _moment(rgb_HWC: np.ndarray, track: TrackData, at: int, clip_px: int) -> np.ndarray:
    step = max(1, round(rgb_HWC.shape[0] / STILL_PX))
    small = rgb_HWC[::step, ::step].copy()
    x, y, side = track.square_T3[at]
    _frame(small, np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2]) / step)
    corner = np.array((x, y)) - side / 2
    _dots(small, (track.points_TK2[at] * side / clip_px + corner) / step)
    return small


def _frame(rgb_HWC: np.ndarray, box: np.ndarray) -> None:
    """Two pixels wide; what is beyond the picture is left out."""
    high, wide = rgb_HWC.shape[:2]
    left, top, right, bottom = np.clip(box.round().astype(int), 0, (wide - 2, high - 2, wide - 2, high - 2))
    for line in (top, bottom):
        rgb_HWC[line : line + 2, left : right + 2] = SQUARE
    for line in (left, right):
        rgb_HWC[top : bottom + 2, line : line + 2] = SQUARE


def _dots(rgb_HWC: np.ndarray, points_K2: np.ndarray) -> None:
    """Larger ones on a larger picture."""
    high, wide = rgb_HWC.shape[:2]
    side = 1 + wide // DOT
    corner_K2 = (points_K2[np.isfinite(points_K2).all(1)] - side / 2).round().astype(int)
    for x, y in corner_K2[((corner_K2 >= 0) & (corner_K2 < (wide, high))).all(1)]:
        rgb_HWC[y : y + side, x : x + side] = POINTS


def _beside(pictures: list[np.ndarray]) -> np.ndarray:
    h, w = (min(p.shape[axis] for p in pictures) // 2 * 2 for axis in (0, 1))
    return np.concatenate([p[:h, :w] for p in pictures], axis=1)
