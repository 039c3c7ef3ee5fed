"""Says in a video by which renderer it was made, as the comment among its metadata, and reads that again.

    encode_video(None, frames, fps, renderer=WORLD)
    renderer_of(file)       # "world"; "" of a video that names none; None of what is no video

A copy keeps it, and so do programs that keep a file's metadata (as MP4, MOV or Matroska). Reading takes two small pieces
of the file and no decoder, so that a whole listing can be asked in a process that must not die of a bad file.
"""

import re
from typing import BinaryIO

WORLD = "world"
"""The renderer of the procedural world."""
_SAYS = "redub renderer: "
_NAMED = re.compile(_SAYS.encode() + rb"(\w+)\.")
PIECE = 1 << 16
MOST_BOXES = 64
MP4 = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
"""Types of the boxes that one may begin with."""


def comment_of(renderer: str) -> str:
    """Returns what such a video says among its metadata. It ends in a full stop: in some containers nothing else ends it."""
    return f"{_SAYS}{renderer}."


def renderer_of(file: BinaryIO) -> str | None:
    """Reads the renderer that a video names; "" where it names none, None where it is no video."""
    size = file.seek(0, 2)
    head = _piece(file, 0)
    if b"\0" not in head or head[8:12] == b"WAVE":  # nothing, a text or sound: in every video a byte is zero
        return None
    is_mp4 = head[4:8] in MP4
    end = _end_of_index(file, size) if is_mp4 else size
    if end is None:
        return None
    found = _NAMED.search(head) or _NAMED.search(_piece(file, max(0, end - PIECE)))
    return found[1].decode() if found else ""


def _piece(file: BinaryIO, at: int) -> bytes:
    file.seek(at)
    return file.read(PIECE)


def _end_of_index(file: BinaryIO, size: int) -> int | None:
    """Where the box with an MP4's index ends, in which the metadata come last; None where it is not all there.

    In a file of very many boxes it is not looked for.
    """
    at = 0
    for _ in range(MOST_BOXES):
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            return None
        length, kind = int.from_bytes(header[:4]), header[4:8]
        length = int.from_bytes(header[8:16]) if length == 1 else length or size - at
        if kind == b"moov":
            return at + length if at + length <= size else None
        at += max(length, 8)
    return size
