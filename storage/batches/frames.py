"""Decodes a few frames of a clip: others only where these need them, and none is converted that isn't wanted."""

import io
from collections.abc import Iterable, Iterator, Sequence, Set

import av
import numpy as np

from storage.errors import StorageError
from storage.media.container import Media, open_media
from storage.media.convert_frames import FrameConverter

SEEK_OVER = 250
"""Frames; x264 sets a key frame at least that often, so between nearer ones a seek would decode the same again."""


def frames_at(video: bytes, wanted: Iterable[int], fps: float, name: str) -> dict[int, np.ndarray]:
    """Frame number -> its picture, uint8 (H, W, 3), of a clip called `name` in errors."""
    numbers = sorted(set(wanted))
    found: dict[int, np.ndarray] = {}
    with open_media(io.BytesIO(video)) as media:
        if media.video is None:
            raise StorageError(f"clip {name} has no picture; ingest its source again")
        for run in _runs(numbers):
            found |= _decoded(media, run, fps)
    if missing := [number for number in numbers if number not in found]:
        raise StorageError(
            f"clip {name} has no frame {missing[0]} that can be decoded; ingest its source again"
        )
    return found


def _runs(numbers: Sequence[int]) -> Iterator[list[int]]:
    run: list[int] = []
    for number in numbers:
        if run and number - run[-1] > SEEK_OVER:
            yield run
            run = []
        run.append(number)
    if run:
        yield run


def _decoded(media: Media, run: Sequence[int], fps: float) -> dict[int, np.ndarray]:
    assert media.video is not None
    convert = FrameConverter(None, media.video.sample_aspect_ratio)
    wanted, found = set(run), {}
    for number, frame in _frames(media, run[0] / fps, fps, wanted):
        if number in wanted:
            found[number] = convert(frame)
        if number >= run[-1]:
            break
    return found


def _frames(media: Media, start: float, fps: float, wanted: Set[int]) -> Iterator[tuple[int, av.VideoFrame]]:
    """From the key frame before `start` on, without frames that are neither wanted nor looked at by others.

    More than half of a clip's frames are such, and a window begins anywhere between two key frames. What can't be
    decoded is missing in the end, and then said to be.
    """
    stream = media.rewind("video", start)
    stream.codec_context.thread_count = 1
    tick, zero = float(stream.time_base), media.zero
    for packet in media.container.demux(stream):
        known = packet.pts is not None
        skipped = known and round((packet.pts * tick - zero) * fps) not in wanted
        stream.codec_context.skip_frame = "NONREF" if skipped else "DEFAULT"
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        for frame in frames:
            if frame.pts is not None and not frame.is_corrupt:
                yield round((frame.pts * tick - zero) * fps), frame
