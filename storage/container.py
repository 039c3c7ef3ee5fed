"""Opens one video or sound file that nobody vouches for, and nothing else.

Playlists, concat scripts, DASH, SDP and the like can name local files and URLs. Only plain containers
are accepted here, libav is given no way to open a second file, and pictures too large to decode are
refused before memory is taken for them. Every decode of the project starts with `open_media`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EINVAL
from typing import Any, BinaryIO, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,flv,asf,mxf,"
    "ogg,wav,w64,aiff,mp3,aac,flac"
)
MAX_PIXELS = 8192 * 8192


class MediaError(ValueError):
    """The file cannot be used as a whole. `code` is for counting, the message for a person."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code

    def __reduce__(self) -> tuple:
        return MediaError, (self.code, str(self))  # exceptions travel between processes


@dataclass
class Media:
    """An open file: its first real video stream and its first sound stream, either may be missing."""

    container: InputContainer
    video: VideoStream | None
    audio: AudioStream | None
    cover_art: bool
    max_pixels: int
    _fresh: bool = True

    @property
    def zero(self) -> float:
        """Seconds on the container's clock at which the picture (else the sound) starts."""
        for stream in (self.video, self.audio):
            if stream is not None and stream.start_time is not None and stream.time_base is not None:
                return float(stream.start_time * stream.time_base)
        return (self.container.start_time or 0) / 1e6

    def rewind(self, stream: VideoStream | AudioStream, start: float) -> None:
        """To the last key frame before `start`. A fresh file isn't touched: not every format can seek."""
        if not self._fresh or start > 0:
            first = (self.container.start_time or 0) / 1e6
            # Sound decoders need a packet or two before their output is right.
            ahead = 0.2 if stream.type == "audio" else 0.0
            to = max(first, self.zero + start - ahead) if start > 0 else first
            assert stream.time_base is not None
            # Truncated towards the past, and one tick further: a rounded-up target skips its own key frame.
            self.container.seek(int(to / float(stream.time_base)) - 1, stream=stream)
        self._fresh = False


@contextmanager
def open_media(file: BinaryIO, *, max_pixels: int = MAX_PIXELS) -> Iterator[Media]:
    """Opens a seekable file object (never a path: a path may turn out to be a protocol)."""
    file.seek(0)
    head = file.read(65536)
    file.seek(0)
    limits = {"format_whitelist": FORMATS, "protocol_whitelist": "none", "max_pixels": str(max_pixels)}
    try:
        container = av.open(file, options=limits, io_open=_refuse, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        # Python files answer a nonsensical seek with a bare EINVAL; any other I/O error is the disk's.
        if not isinstance(error, av.FFmpegError) and error.errno != EINVAL:
            raise
        raise unreadable(head, error) from error
    with container:
        yield _media(cast(InputContainer, container), max_pixels)


def _refuse(url: str, *_: Any) -> Any:
    raise MediaError("playlist", f"the file asks to open another one ({url[:200]}); give that file itself")


def _media(container: InputContainer, max_pixels: int) -> Media:
    covers = [s for s in container.streams.video if s.disposition & Disposition.attached_pic]
    videos = [s for s in container.streams.video if s not in covers and s.codec_context is not None]
    sounds = [s for s in container.streams.audio if s.codec_context is not None]
    for stream in videos:
        if stream.width * stream.height > max_pixels:
            size = f"{stream.width}x{stream.height}"
            raise MediaError("too_large", f"the picture is {size}; at most {max_pixels} pixels are decoded")
        stream.codec_context.options = {"max_pixels": str(max_pixels)}
    video, sound = next(iter(videos), None), next(iter(sounds), None)
    return Media(container, video, sound, bool(covers), max_pixels)


def unreadable(head: bytes, error: Exception) -> MediaError:
    """Why no container could be read, told from the file's first bytes."""
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    lists = (b"#extm3u", b"ffconcat", b"[playlist]", b"v=0\n", b"v=0\r", b"file '", b"#ext-x")
    if start.startswith(lists) or b"<mpd" in start[:4096] or b"<smoothstreamingmedia" in start[:4096]:
        return MediaError("playlist", "this is a list of other files, not a video; give the files it names")
    if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free", b"moov"):
        return MediaError("broken", f"the container's index is missing: cut-off download? ({why(error)})")
    printable = sum(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head[:4096])
    if head and printable > 0.97 * len(head[:4096]):
        return MediaError("not_media", "the content is text, whatever the name says; a video was expected")
    return MediaError("not_media", f"no video container is recognised in it ({why(error)})")


def why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
