"""Decodes a few frames of a clip: only those that are wanted are converted, and far ones are sought."""

import io
from collections.abc import Iterable, Iterator, Sequence

import av
import numpy as np

from storage.errors import StorageError
from storage.media.container import Media, open_media
from storage.media.convert_frames import FrameConverter
from storage.media.video_frames import VideoFrames

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
    # Half a frame of slack: timestamps are rounded to the container's ticks.
    span = (max(0.0, (run[0] - 0.5) / fps), (run[-1] + 0.5) / fps)
    frames: VideoFrames[av.VideoFrame] = VideoFrames(media, None, lambda frame: frame, span, threads=1)
    wanted, found = set(run), {}
    for frame in frames:
        if (number := round(frames.time * fps)) in wanted:
            found[number] = convert(frame)
    return found
