"""Opens one video or sound file that nobody vouches for, and nothing else.

Playlists, concat scripts, DASH, SDP and the like can name local files and URLs. Only plain containers
are accepted here, libav is given no way to open a second file, and pictures too large to decode are
refused before memory is taken for them. Every decode of the project starts with `open_media`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
INDEXED = ("mov", "matroska")
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

    file: BinaryIO
    max_pixels: int
    container: InputContainer = field(init=False)
    video: VideoStream | None = field(init=False)
    audio: AudioStream | None = field(init=False)
    cover_art: bool = field(init=False)
    _fresh: bool = field(init=False)

    def __post_init__(self) -> None:
        self.reopen()

    def reopen(self) -> None:
        """Opens the same file object anew, at its start."""
        self.container = _open(self.file, self.max_pixels)
        try:
            self.video, self.audio, self.cover_art = _streams(self.container, self.max_pixels)
        except MediaError:
            self.container.close()
            raise
        self._fresh = True

    @property
    def zero(self) -> float:
        """Seconds on the container's clock at which the picture (else the sound) starts."""
        for stream in (self.video, self.audio):
            if stream is not None and stream.start_time is not None and stream.time_base is not None:
                return float(stream.start_time * stream.time_base)
        return (self.container.start_time or 0) / 1e6

    def rewind(self, kind: str, start: float) -> Any:
        """The stream of this kind, placed at or before `start`.

        Only formats with an index are trusted to seek; the others, and damaged ones, are read from the start.
        """
        if not self._fresh:
            self.container.close()
            self.reopen()
        self._fresh = False
        stream = self.video if kind == "video" else self.audio
        assert stream is not None
        if start > 0 and self.container.format.name.startswith(INDEXED):
            self._seek(stream, start)
        return stream

    def _seek(self, stream: VideoStream | AudioStream, start: float) -> None:
        # Sound decoders need a packet or two before their output is right.
        ahead = 0.2 if stream.type == "audio" else 0.0
        # One tick further into the past: a rounded-up target would skip its own key frame.
        target = int((self.zero + start - ahead) / float(stream.time_base or 1)) - 1
        try:
            self.container.seek(max(target, stream.start_time or 0), stream=stream)
        except av.FFmpegError:
            self.container.close()
            self.reopen()
            self._fresh = False


@contextmanager
def open_media(file: BinaryIO, *, max_pixels: int = MAX_PIXELS) -> Iterator[Media]:
    """Opens a seekable file object (never a path: a path may turn out to be a protocol)."""
    media = Media(file, max_pixels)
    try:
        yield media
    finally:
        media.container.close()


def _open(file: BinaryIO, max_pixels: int) -> InputContainer:
    file.seek(0)
    head = file.read(65536)
    file.seek(0)
    limits = {"format_whitelist": FORMATS, "protocol_whitelist": "none", "max_pixels": str(max_pixels)}
    try:
        container = av.open(_Nameless(file), options=limits, io_open=_refuse, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        # Python files answer a nonsensical seek with a bare EINVAL; any other I/O error is the disk's.
        if not isinstance(error, av.FFmpegError) and error.errno != EINVAL:
            raise
        raise unreadable(head, error) from error
    return cast(InputContainer, container)


class _Nameless:
    """A file without its name, by the ending of which libav would guess what is in it: content alone tells."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _refuse(url: str, *_: Any) -> Any:
    raise MediaError("playlist", f"the file asks to open another one ({url[:200]}); give that file itself")


def _streams(
    container: InputContainer, max_pixels: int
) -> tuple[VideoStream | None, AudioStream | None, bool]:
    covers = [s for s in container.streams.video if s.disposition & Disposition.attached_pic]
    videos = [s for s in container.streams.video if s not in covers and s.codec_context is not None]
    sounds = [s for s in container.streams.audio if s.codec_context is not None]
    for stream in videos:
        if stream.width * stream.height > max_pixels:
            size = f"{stream.width}x{stream.height}"
            raise MediaError("too_large", f"the picture is {size}; at most {max_pixels} pixels are decoded")
        stream.codec_context.options = {"max_pixels": str(max_pixels)}
    return next(iter(videos), None), next(iter(sounds), None), bool(covers)


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
