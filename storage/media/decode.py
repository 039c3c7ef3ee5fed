"""Decodes video and sound by their timestamps, and says what was damaged.

    with open_media(store.open(uri)) as media:
        for rgb in (frames := decode_video(media, fps=25.0)): ...
        audio = decode_audio(media)
        print(frames.damage or "undamaged", audio.damage)

Time is the timestamps: frame number / fps is wrong for variable frame rates, and sound seldom starts
with the picture. Zero is the start of the picture; frames and samples are both placed relative to it.
Damage is an answer: what can be decoded is returned, with one sentence on what could not.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from storage.media.coded_picture import Picture
from storage.media.container import Media, MediaError
from storage.media.convert_frames import FrameConverter, PictureConverter
from storage.media.convert_sound import AudioConverter
from storage.media.stream import Faults, frames_of
from storage.media.video_frames import Span, VideoFrames


def decode_video(
    media: Media,
    *,
    fps: float | None = None,
    size: int | tuple[int, int] | None = None,
    span: Span = (0.0, None),
    threads: int = 1,
    only: Collection[int] | None = None,
) -> VideoFrames[np.ndarray]:
    """Upright frames with square pixels: every one, or resampled to a constant `fps`.

    `size` is (width, height) as given, or one number that the longer side is shrunk to. `span` is in
    seconds after zero. One thread, because many worker processes share the machine. `only` are the numbers of the
    frames that are given; all are decoded and counted.
    """
    if media.video is None:
        raise MediaError("no_video", "the file has no video stream")
    convert = FrameConverter(size, media.video.sample_aspect_ratio)
    return VideoFrames(media, fps, convert, span, threads, only=only)


def decode_pictures(media: Media, *, fps: float, span: Span = (0.0, None)) -> VideoFrames[Picture]:
    """Frames as they were coded, without interlacing, at a constant `fps`: what crops are taken from."""
    if media.video is None:
        raise MediaError("no_video", "the file has no video stream")
    convert = PictureConverter(media.video.sample_aspect_ratio)
    return VideoFrames(media, fps, convert, span, threads=1, weave=False)


@dataclass(frozen=True)
class Audio:
    """Mono float32, sample 0 at the start of the span; holes are silence, NaN and infinities are 0."""

    samples: np.ndarray
    rate: int
    nonfinite: int
    damage: str

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def decode_audio(media: Media, *, rate: int = 16000, span: Span = (0.0, None)) -> Audio:
    """The sound from `span` on, in step with the picture: late sound gets silence before it."""
    if media.audio is None:
        raise MediaError("no_audio", "the file has no sound stream")
    faults = Faults()
    convert = AudioConverter(rate)
    frames = frames_of(media, "audio", span[0], faults, 1)
    origin = media.zero + span[0]
    for frame in frames:
        time = frame.time - origin if frame.pts is not None else None
        if span[1] is not None and time is not None and time >= span[1] - span[0]:
            break
        if stop := convert.push(frame, time):
            faults.notes.append(stop)
            break
        faults.corrupt += bool(frame.is_corrupt)
    samples = convert.finish()
    if span[1] is not None:
        samples = samples[: round((span[1] - span[0]) * rate)]
    return Audio(samples, rate, convert.nonfinite, faults.text("sound"))
