"""Looks at each listed file once: is it a video, what is in it, and what is its content's id.

The content id is a hash of the bytes, so a file that is renamed or moved stays the same item and nothing
after this stage runs again for it. Only the first frames are decoded; scores are the quality stage's work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, BinaryIO

import av

from infra.resources import Needs
from storage.container import INDEXED
from storage.convert import HDR_TRANSFERS, display_size, orientation
from storage.media import Media, MediaError, declared_seconds, open_media
from storage.sources import Source, change_since
from tasks.stage import Expand, Expanded, Rejected, StageConfig

FIRST_PACKETS = 250
"""A picture that has not come by then does not come: about ten seconds of video."""


FEWER = 6
"""So much longer are parts of files without an index."""


class ProbeConfig(StageConfig):
    min_duration_s: float = 0.4
    """Shorter videos hold no syllable."""
    max_duration_s: float = 24 * 3600.0
    """Longer ones are recordings to cut first, or a header that lies."""
    max_side: int = 8192
    """Pixels of the longer side; larger headers are mistakes or attacks on memory."""
    max_bytes: int = 64 * 2**30
    """Larger files are not read at all."""
    part_seconds: float = 600.0
    """Longer sources are worked on in parts of this length, side by side; a clip ends where its part does."""
    need_audio: bool = False
    """Reject files without a sound track here; otherwise the verdict decides."""


@dataclass(frozen=True)
class ProbeRow:
    id: str
    uri: str
    size: int
    mtime_ns: int
    licence: str
    consent: str
    speaker: str
    container: str
    video_codec: str
    pix_fmt: str
    width: int
    """As shown: upright, with square pixels."""
    height: int
    rotation: int
    """Degrees clockwise that the picture is turned for showing."""
    sar: str
    fps: float
    duration_s: float
    """Of the whole source."""
    part: int
    part_start_s: float
    part_stop_s: float | None
    """None: to its end, whatever its header says."""
    frames: int
    """As declared, or estimated from the duration."""
    hdr: bool
    interlaced: bool
    audio_codec: str | None
    sample_rate: int | None
    channels: int | None
    audio_start_s: float | None
    """Relative to the picture; positive when the sound starts late."""


class Probe(Expand):
    name = "probe"
    version = 2
    needs = Needs(cpus=0.5, batch=4, timeout_s=120)
    Config = ProbeConfig
    Input = Source
    Output = ProbeRow
    config: ProbeConfig

    def __call__(self, rows: Sequence[Source]) -> list[Expanded | Rejected]:
        return [self._one(row) for row in rows]

    def _one(self, row: Source) -> Expanded | Rejected:
        try:
            self._check_unchanged(row)
            self._check_size(row)
            with self.store.open(row.uri) as file:
                content = content_id(file)
                with open_media(file, max_pixels=self.config.max_side**2) as media:
                    found = self._describe(media)
            self._check_unchanged(row)
        except FileNotFoundError:
            return Rejected(row.id, "gone", "the file has been deleted or moved since it was listed")
        except PermissionError:
            return Rejected(row.id, "unreadable", "permission denied; make the file readable and run again")
        except MediaError as error:
            return Rejected(row.id, error.code, str(error))
        source = {name: getattr(row, name) for name in Source.__dataclass_fields__}
        parts = _parts(content, found, self.config.part_seconds)
        return Expanded(row.id, tuple(ProbeRow(**(source | found | part)) for part in parts))

    def _check_unchanged(self, row: Source) -> None:
        if how := change_since(self.store, row.uri, row.size, row.mtime_ns):
            raise MediaError("changed", f"the file changed while it was read ({how}); run again")

    def _check_size(self, row: Source) -> None:
        if row.size == 0:
            raise MediaError("empty", "the file has no content (0 bytes)")
        if row.size > self.config.max_bytes:
            raise MediaError("too_large", f"{row.size} bytes is above max_bytes {self.config.max_bytes}")

    def _describe(self, media: Media) -> dict[str, Any]:
        if media.video is None:
            _reject_no_video(media)
        assert media.video is not None
        if media.audio is None and self.config.need_audio:
            raise MediaError("no_audio", "the file has no sound track, and this recipe needs speech")
        frame = first_frame(media)
        duration = _duration(media)
        if media.video.frames == 1:
            raise MediaError("too_short", "the video is a single frame")
        self._check_duration(duration)
        return _picture(media, frame, duration, self.config.max_side) | _sound(media)

    def _check_duration(self, seconds: float) -> None:
        low, high = self.config.min_duration_s, self.config.max_duration_s
        if seconds < low:
            raise MediaError("too_short", f"{seconds:.2f} s of video is below min_duration_s {low}")
        if seconds > high:
            raise MediaError("too_long", f"{seconds / 3600:.1f} h of video is above max_duration_s {high}")


def _parts(content: str, found: dict[str, Any], length: float) -> list[dict[str, Any]]:
    """Parts of a long source, each an item; the whole under its content's id if it is short enough.

    Only formats with an index can be entered in the middle; of the others a part costs all that is before it.
    """
    length *= 1 if found["container"] in INDEXED else FEWER
    count = max(1, round(found["duration_s"] / length))
    if count == 1:
        return [{"id": content, "part": 0, "part_start_s": 0.0, "part_stop_s": None}]
    starts = [round(k * length, 3) for k in range(count)]
    stops = [*starts[1:], None]
    ids = [blake2b(f"{content} {k}".encode(), digest_size=10).hexdigest() for k in range(count)]
    return [
        {"id": ids[k], "part": k, "part_start_s": starts[k], "part_stop_s": stops[k]} for k in range(count)
    ]


def content_id(file: BinaryIO) -> str:
    """20 hex digits of the bytes' hash, streamed."""
    digest = blake2b(digest_size=10)
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _reject_no_video(media: Media) -> None:
    if media.cover_art:
        raise MediaError("cover_art", "its only picture is a cover; this is a sound file, not a video")
    holds = "only sound" if media.audio is not None else "neither picture nor sound"
    raise MediaError("no_video", f"the file holds {holds}; a video was expected")


def first_frame(media: Media) -> av.VideoFrame:
    """Decodes until a picture comes: only a frame knows its rotation and whether it is interlaced."""
    stream = media.rewind("video", 0.0)
    stream.codec_context.thread_count = 1
    try:
        for number, packet in enumerate(media.container.demux(stream)):
            if frames := _decoded(packet):
                return frames[0]
            if number > FIRST_PACKETS:
                break
    except av.FFmpegError as error:
        raise MediaError(
            "undecodable", f"reading stops before the first picture: {error.strerror}"
        ) from error
    reason = f"no picture can be decoded from its {stream.name or 'video'} stream"
    if not stream.width:  # libav leaves out what is above the limit, and then knows no size
        reason += f": it is damaged, or larger than the {media.max_pixels} pixels that are read at most"
    raise MediaError("undecodable", reason)


def _decoded(packet: av.Packet) -> list:
    try:
        return packet.decode()
    except av.FFmpegError:
        return []  # the next packet may do: streams can start in the middle of a picture group


def _duration(media: Media) -> float:
    """As declared; where nothing is (streamed recordings), from the packets' timestamps, undecoded."""
    assert media.video is not None
    if seconds := declared_seconds(media.video) or (media.container.duration or 0) / 1e6:
        return seconds
    stream = media.rewind("video", 0.0)
    base = float(stream.time_base or 0)
    ends = [(p.pts + (p.duration or 0)) * base for p in media.container.demux(stream) if p.pts is not None]
    return max(ends, default=media.zero) - media.zero


def _picture(media: Media, frame: av.VideoFrame, duration: float, max_side: int) -> dict[str, Any]:
    stream = media.video
    assert stream is not None
    width, height = display_size(frame, stream.sample_aspect_ratio, orientation(frame)[0])
    if max(width, height) > max_side:
        raise MediaError("too_large", f"the picture is {width}x{height}, a side above max_side {max_side}")
    fps = float(stream.average_rate or stream.guessed_rate or 0)
    return {
        "container": media.container.format.name.split(",")[0],
        "video_codec": stream.codec_context.name,
        "pix_fmt": frame.format.name,
        "width": width,
        "height": height,
        "rotation": -frame.rotation % 360,
        "sar": str(stream.sample_aspect_ratio or 1),
        "fps": fps,
        "duration_s": duration,
        "frames": stream.frames or round(duration * fps),
        "hdr": int(frame.color_trc) in HDR_TRANSFERS,
        "interlaced": frame.interlaced_frame,
    }


def _sound(media: Media) -> dict[str, Any]:
    stream = media.audio
    if stream is None:
        return dict.fromkeys(("audio_codec", "sample_rate", "channels", "audio_start_s"))
    start = (
        None if stream.start_time is None else float(stream.start_time * (stream.time_base or 0)) - media.zero
    )
    return {
        "audio_codec": stream.codec_context.name,
        "sample_rate": stream.codec_context.sample_rate,
        "channels": stream.codec_context.channels,
        "audio_start_s": start,
    }
