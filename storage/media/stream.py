"""One stream of an opened file, frame by frame: how long it says it is, and what was wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import av
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from storage.media.container import Media, why

MAX_GAP_S = 60.0
"""A longer hole between two timestamps is a broken clock: filling it would take memory without end."""

Mark = tuple[int, int, int]
"""How much had gone wrong at some moment, counted as `Faults` does."""


@dataclass
class Faults:
    """What went wrong while one stream was decoded."""

    corrupt: int = 0
    undecodable: int = 0
    notes: list[str] = field(default_factory=list)

    def text(self, what: str) -> str:
        return self.since((0, 0, 0), what)

    def mark(self) -> Mark:
        """How much has gone wrong so far: what lies between two marks belongs to the span between them."""
        return self.corrupt, self.undecodable, len(self.notes)

    def since(self, before: Mark, what: str, until: Mark | None = None) -> str:
        now = until or self.mark()
        corrupt, undecodable = now[0] - before[0], now[1] - before[1]
        counts = [f"corrupt {what} frames: {corrupt}"] if corrupt else []
        counts += [f"undecodable {what} packets: {undecodable}"] if undecodable else []
        return "; ".join(counts + self.notes[before[2] : now[2]])


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
