"""Takes the other half of a pair from the file that was given with the source, once it fits.

It is cut by the clip's own squares, frame by frame, as `ingest` cut the clip: pixels in which the two files agree are
then the same in both clips, but for the encoder's noise. F frames of H by W pixels.
"""

from contextlib import ExitStack
from typing import Any

import numpy as np

from models.faces.boxes import hull
from models.faces.face import FaceBackend, face_size
from storage.media.container import Media, MediaError, open_media
from storage.media.crop import crop_yuv
from storage.media.decode import decode_pictures
from storage.media.encode import VideoWriter, encode_flac
from storage.media.sound_reader import SoundReader
from storage.store import Store
from tasks.companion.clip_files import FPS, clip_and_mask, frames_of
from tasks.companion.config import CompanionConfig
from tasks.companion.rows import CompanionInput
from tasks.companion.sound import RATE
from tasks.hearing import loudness_db
from tasks.ingest.track_data import TrackData
from tasks.media_facts import check_has_video, duration_of, first_frame, picture_facts
from tasks.pair_drawing import poster
from tasks.source_parts import content_id

MAX_SIDE = 8192
RATES_APART = 0.01
"""Frames a second by which two headers may differ for one rate: 29.97 is written in several ways."""
LOOKED_AT = 8
"""Frames in which the face is looked for."""
SEEN = 0.5
"""Share of them in which it has to be found."""


class Unfit(ValueError):
    """The file is no other half of this clip. `code` is for counting, the message for a person."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def given_files(
    row: CompanionInput, store: Store, face: FaceBackend, config: CompanionConfig
) -> dict[str, Any]:
    """Returns the columns of a companion that hold bytes, or raises why the file does not fit."""
    assert row.companion
    clip_FHWC, paint_FHW = clip_and_mask(row)
    track = TrackData.from_bytes(row.track_data)
    _check_content(row, store)
    try:
        video, sound = _cut(row, store, track.square_T3, clip_FHWC.shape[1], config)
    except MediaError as error:
        raise Unfit(f"companion_{error.code}", f"{row.companion}: {error}") from error
    made_FHWC = frames_of(video)
    _check_face(row, track, made_FHWC, face, config.face_apart)
    return {
        "companion_video": video,
        "companion_audio": encode_flac(sound, RATE),
        "poster": poster(clip_FHWC, paint_FHW, made_FHWC),
    }


def _check_content(row: CompanionInput, store: Store) -> None:
    """A file that is away or is another one now can be put back, so that is no answer about the pair."""
    assert row.companion
    try:
        with store.open(row.companion) as file:
            content = content_id(file)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{row.companion} is not there any more: put it back and try this item again"
        ) from None
    if content != row.companion_content:
        raise ValueError(
            f"{row.companion} is not the file any more that was listed: put that one back and try this item again, or "
            "list the new one by running the same command again"
        )


def _cut(
    row: CompanionInput, store: Store, square_T3: np.ndarray, side: int, config: CompanionConfig
) -> tuple[bytes, np.ndarray]:
    """The span and the squares of the clip, encoded once, and its sound."""
    assert row.companion
    with ExitStack() as stack:
        # Each is read forward once: a container that is read again is opened anew, and its old streams are gone.
        looked_at, beside, media = (
            stack.enter_context(open_media(stack.enter_context(store.open(row.companion)))) for _ in range(3)
        )
        _check_alike(row, looked_at)
        sound = _sound(row, beside, config.quiet_db)
        pictures = decode_pictures(media, fps=FPS, span=(row.start_s, None))
        writer = VideoWriter(None, FPS, rate=RATE, crf=config.crf)
        stack.callback(writer.drop)
        for square, picture in zip(square_T3.tolist(), pictures, strict=False):
            writer.write(crop_yuv(picture, tuple(square), side))
        if damage := pictures.faults.text("video"):
            raise MediaError("damaged", damage)
        if writer.frames < row.frames:
            raise MediaError(
                "length", f"its picture ends after {writer.frames} of the {row.frames} frames of the clip"
            )
        return writer.finish(sound), sound


def _check_alike(row: CompanionInput, media: Media) -> None:
    """A video, as large, as fast, and as long to a frame as the source."""
    check_has_video(media)
    duration = duration_of(media)
    facts = picture_facts(media, first_frame(media), duration, MAX_SIDE)
    assert row.source_fps is not None
    assert row.source_s is not None
    own, other = (row.source_width, row.source_height), (facts["width"], facts["height"])
    if own != other:
        raise MediaError("size", f"it is {_by(*other)}, the source is {_by(*own)}: render it at that size")
    if abs(facts["fps"] - row.source_fps) > RATES_APART:
        raise MediaError(
            "rate",
            f"it has {facts['fps']:g} frames a second, the source {row.source_fps:g}: make them the same",
        )
    if abs(duration - row.source_s) > 1.001 / row.source_fps:
        raise MediaError(
            "length",
            f"it is {duration:.2f} s long, the source {row.source_s:.2f} s: cut them at the same frames",
        )


def _sound(row: CompanionInput, media: Media, quiet_db: float) -> np.ndarray:
    if media.audio is None:
        raise MediaError("no_sound", "it has no sound track, and so nothing says what its lips speak")
    sound = SoundReader(media, RATE, row.start_s).read(0.0, row.frames / FPS)
    if sound.nonfinite or sound.damage:
        found = sound.damage or f"{sound.nonfinite} of its samples are NaN or infinite"
        raise MediaError("bad_sound", f"its sound cannot be used: {found}")
    if (loud := loudness_db(sound.samples)) < quiet_db:
        raise MediaError("silent", f"its sound is {loud:.0f} dBFS, below {quiet_db:g}: nobody speaks in it")
    return sound.samples


def _check_face(
    row: CompanionInput, track: TrackData, made_FHWC: np.ndarray, face: FaceBackend, most: float
) -> None:
    """By eyes and nose, which speech leaves where they are."""
    known = np.flatnonzero(track.score_T > 0)
    picked = known[np.linspace(0, len(known) - 1, min(LOOKED_AT, len(known))).round().astype(int)]
    shapes = {t: face.shape(made_FHWC[t], hull(track.points_TK2[t])) for t in picked.tolist()}
    apart = [
        float(np.linalg.norm(shape.five_52[:3] - track.five_T52[t, :3], axis=1).mean())
        / face_size(track.five_T52[t])
        for t, shape in shapes.items()
        if shape
    ]
    if len(apart) < SEEN * len(shapes):
        raise Unfit(
            "companion_face",
            f"{row.companion}: where the clip has a face, one is found in {len(apart)} of {len(shapes)} frames; is it "
            "the same picture?",
        )
    if apart and (far := float(np.median(apart))) > most:
        raise Unfit(
            "companion_face",
            f"{row.companion}: eyes and nose are {far:.2f} face sizes from where the clip's are, at most {most:g}; is "
            "it the same picture?",
        )


def _by(width: int | None, height: int | None) -> str:
    return f"{width}x{height}"
