"""The frames of a video by their timestamps: those of a span, every one or at a constant rate."""

from collections.abc import Callable, Collection, Iterator
from typing import Any, Generic, TypeVar

import av
import numpy as np

from storage.media.container import Media
from storage.media.deinterlace import progressive
from storage.media.stream import MAX_GAP_S, Faults, declared_seconds, frames_of

Span = tuple[float, float | None]
"""From and to, in seconds after the start of the picture; None is the end of the file."""
T = TypeVar("T")


class VideoFrames(Generic[T]):
    """RGB arrays or pictures, once; a frame shown longer than 1/fps is the same one again: don't write to it.

    `time` is the last frame's time, `end` where the decoded picture ends (both seconds after zero),
    and `damage` is complete when the iteration is.
    """

    def __init__(
        self,
        media: Media,
        fps: float | None,
        convert: Callable[[av.VideoFrame], T],
        span: Span,
        threads: int,
        weave: bool = True,
        only: Collection[int] | None = None,
    ) -> None:
        assert media.video is not None
        self._media, self._stream, self._fps, self._convert = media, media.video, fps, convert
        self._start, self._stop = span[0], float("inf") if span[1] is None else span[1]
        self._threads, self._weave = threads, weave
        # Asked now: a file that was read before is opened anew for the frames, and this stream is gone then.
        self._declared_s = declared_seconds(media.video) or 0.0
        self._only = only
        self.faults = Faults()
        self.time = self.end = 0.0
        self.count = 0
        """Frames so far, those that are not asked for included."""

    @property
    def damage(self) -> str:
        return self.faults.text("video")

    def __iter__(self) -> Iterator[T]:
        timed = self._timed()
        for time, frame in self._resampled(timed) if self._fps else timed:
            if time >= self._stop:
                break
            self.time = time
            number, self.count = self.count, self.count + 1
            if self._only is None or number in self._only:
                yield self._convert(frame)

    def _timed(self) -> Iterator[tuple[float, av.VideoFrame]]:
        """(seconds after zero, frame), times rising, nothing before the span but its last frame."""
        zero, rate = self._media.zero, float(self._stream.guessed_rate or 25)
        base = self._stream.time_base
        # AVI has no timestamps but a constant rate; libav's guesses jumble re-ordered frames.
        constant = self._media.container.format.name == "avi"
        last = -np.inf
        frames = frames_of(self._media, "video", self._start, self.faults, self._threads)
        for frame in frames if self._weave else progressive(frames, self._stream):
            untimed = frame.pts is None or constant
            # A filter may count in finer ticks than the file.
            tick = float(frame.time_base or base or 0)
            time = max(last + 1 / rate, 0.0) if untimed else float(frame.pts or 0) * tick - zero
            if time <= last:
                self._note("its timestamps run backwards")
                continue
            if (gap := time - max(last, self._start)) > MAX_GAP_S:
                self._note(f"its timestamps jump by {gap:.0f} s; the rest is left out")
                return
            last = time
            self.end = time + min(frame.duration * tick or 1 / rate, 1.0)
            if self._fps or time >= self._start - 1e-6:
                self.faults.corrupt += bool(frame.is_corrupt and time >= self._start)
                yield time, frame
            if time >= self._stop:
                return
        promised = min(self._declared_s, self._stop)
        if self.end < promised - max(0.25, 0.05 * promised):
            self._note(f"video stops after {self.end:.1f} of {promised:.1f} s")

    def _resampled(self, timed: Iterator[tuple[float, Any]]) -> Iterator[tuple[float, Any]]:
        """At every k/fps the frame whose timestamp is nearest; until the picture (not the sound) ends."""
        assert self._fps
        held: tuple[float, Any] | None = None
        k = 0
        for time, frame in timed:
            # A frame is the nearest one until half-way to the next.
            while held and (due := self._start + k / self._fps) < (held[0] + time) / 2:
                yield due, held[1]
                k += 1
            held = time, frame
        # A tenth of a frame of slack: clocks in whole milliseconds end a little late.
        while held and (due := self._start + k / self._fps) < self.end - 0.1 / self._fps:
            yield due, held[1]
            k += 1

    def _note(self, text: str) -> None:
        if text not in self.faults.notes:
            self.faults.notes.append(text)
