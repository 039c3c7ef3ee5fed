"""Decodes video and sound by their timestamps, and says what was damaged.

    with open_media(store.open(uri)) as media:
        for rgb in (frames := decode_video(media, fps=25.0)): ...
        audio = decode_audio(media)
        print(frames.damage or "undamaged", audio.damage)

Time is the timestamps: frame number / fps is wrong for variable frame rates, and sound seldom starts
with the picture. Zero is the start of the picture; frames and samples are both placed relative to it.
Damage is an answer: what can be decoded is returned, with one sentence on what could not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import av
import av.filter
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from storage.container import MAX_PIXELS, Media, MediaError, open_media, why
from storage.convert import AudioConverter, FrameConverter, PictureConverter
from storage.picture import Picture

__all__ = [
    "MAX_PIXELS",
    "Audio",
    "Faults",
    "Media",
    "MediaError",
    "VideoFrames",
    "declared_seconds",
    "decode_audio",
    "decode_pictures",
    "decode_video",
    "frames_of",
    "open_media",
]

Span = tuple[float, float | None]
MAX_GAP_S = 60.0
"""A longer hole between two timestamps is a broken clock: filling it would take memory without end."""
JITTER_S = 0.02
"""Containers with a coarse clock shift sound packets by about a millisecond; that is not a gap."""


@dataclass
class Faults:
    """What went wrong while one stream was decoded."""

    corrupt: int = 0
    undecodable: int = 0
    notes: list[str] = field(default_factory=list)

    def text(self, what: str) -> str:
        return self.since((0, 0, 0), what)

    def mark(self) -> "Mark":
        """How much has gone wrong so far: what lies between two marks belongs to the span between them."""
        return self.corrupt, self.undecodable, len(self.notes)

    def since(self, before: "Mark", what: str, until: "Mark | None" = None) -> str:
        now = until or self.mark()
        corrupt, undecodable = now[0] - before[0], now[1] - before[1]
        counts = [f"corrupt {what} frames: {corrupt}"] if corrupt else []
        counts += [f"undecodable {what} packets: {undecodable}"] if undecodable else []
        return "; ".join(counts + self.notes[before[2] : now[2]])


Mark = tuple[int, int, int]
T = TypeVar("T")


def frames_of(media: Media, kind: str, start: float, faults: Faults, threads: int) -> Iterator[Any]:
    """One stream's frames. A bad packet is counted and skipped; a bad container ends the stream."""
    stream = media.rewind(kind, start)
    stream.codec_context.thread_count = threads
    packets = media.container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:
            faults.notes.append(f"the file cannot be read to its end ({why(error)})")
            return
        if packet is None:
            return
        try:
            decoded = packet.decode()
        except av.FFmpegError:
            faults.undecodable += 1
            continue
        yield from decoded


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
    ) -> None:
        assert media.video is not None
        self._media, self._stream, self._fps, self._convert = media, media.video, fps, convert
        self._start, self._stop = span[0], float("inf") if span[1] is None else span[1]
        self._threads, self._weave = threads, weave
        self.faults = Faults()
        self.time = self.end = 0.0

    @property
    def damage(self) -> str:
        return self.faults.text("video")

    def __iter__(self) -> Iterator[T]:
        timed = self._timed()
        for time, frame in self._resampled(timed) if self._fps else timed:
            if time >= self._stop:
                break
            self.time = time
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
        promised = min(declared_seconds(self._stream) or 0.0, self._stop)
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


def progressive(frames: Iterator[av.VideoFrame], stream: VideoStream) -> Iterator[av.VideoFrame]:
    """Interlaced frames hold two moments, line by line: from the first one on, the second is worked out."""
    graph: av.filter.Graph | None = None
    for frame in frames:
        if graph is None and frame.interlaced_frame:
            graph = _deinterlacer(frame, stream)
        if graph is None:
            yield frame
            continue
        graph.vpush(frame)
        yield from _pulled(graph)
    if graph is not None:
        graph.vpush(None)
        yield from _pulled(graph)


def _deinterlacer(frame: av.VideoFrame, stream: VideoStream) -> av.filter.Graph:
    graph = av.filter.Graph()
    graph.threads = 1
    base = frame.time_base or stream.time_base
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=base)
    graph.link_nodes(source, graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink"))
    graph.configure()
    return graph


def _pulled(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return


def declared_seconds(stream: VideoStream | AudioStream) -> float | None:
    """How long the container says this stream is; Matroska says so in a tag."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = (float(part) for part in tag)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds - float((stream.start_time or 0) * (stream.time_base or 0))


def decode_video(
    media: Media,
    *,
    fps: float | None = None,
    size: int | tuple[int, int] | None = None,
    span: Span = (0.0, None),
    threads: int = 1,
) -> VideoFrames[np.ndarray]:
    """Upright frames with square pixels: every one, or resampled to a constant `fps`.

    `size` is (width, height) as given, or one number that the longer side is shrunk to. `span` is in
    seconds after zero. One thread, because many worker processes share the machine.
    """
    if media.video is None:
        raise MediaError("no_video", "the file has no video stream")
    return VideoFrames(media, fps, FrameConverter(size, media.video.sample_aspect_ratio), span, threads)


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
    convert = AudioConverter(rate, JITTER_S, MAX_GAP_S)
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
