"""PNG and JPEG bytes to pixels; the size is read from the header before memory is taken for it."""

import struct
from typing import Any

import av
import numpy as np

MAX_PIXELS = 8192 * 8192
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def decode_picture(data: bytes) -> np.ndarray:
    """RGB uint8; ValueError when it is neither, damaged, or too large."""
    width, height = picture_size(data)
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width}x{height} is larger than {MAX_PIXELS} pixels")
    context: Any = av.CodecContext.create("png" if data.startswith(PNG) else "mjpeg", "r")
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except av.FFmpegError as error:
        raise ValueError(f"it can't be decoded ({error.strerror})") from error
    if not frames:
        raise ValueError("it can't be decoded")
    return frames[0].to_ndarray(format="rgb24")


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height, as the header says."""
    if data.startswith(PNG) and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data.startswith(JPEG):
        return _jpeg_size(data)
    raise ValueError("it is neither PNG nor JPEG")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        at += 2 + length
    raise ValueError("the JPEG says no size")
