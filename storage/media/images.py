"""PNG and JPEG bytes to pixels; the size is read from the header before memory is taken for it."""

import struct
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from storage.media.container import MAX_PIXELS

FULL_RANGE = 2
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def decode_image(data: bytes) -> np.ndarray:
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


def encode_jpeg(rgb: np.ndarray, quality: int = 85) -> bytes:
    """Full-range JPEG; `quality` 1..100 as elsewhere, mapped to libav's quantiser (31 worst, 2 best)."""
    if not 1 <= quality <= 100:
        raise ValueError(f"JPEG quality goes from 1 to 100, not {quality}")
    scale = str(round(2 + (100 - quality) * 29 / 99))
    options = {"qmin": scale, "qmax": scale, "bitexact": "1"}
    return _picture(rgb, "mjpeg", "yuvj444p" if quality > 90 else "yuvj420p", options)


def encode_png(rgb: np.ndarray) -> bytes:
    return _picture(rgb, "png", "rgb24", {})


def _picture(rgb: np.ndarray, codec: str, pix_fmt: str, options: dict[str, str]) -> bytes:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
    if pix_fmt != "rgb24":
        # JPEG has no colour tags: by convention it is BT.601 over the full range.
        frame = frame.reformat(
            format=pix_fmt, dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.JPEG, threads=1
        )
    frame.pts = 0
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, pix_fmt
    context.time_base, context.options, context.thread_count = Fraction(1, 25), options, 1
    if pix_fmt != "rgb24":
        context.color_range = FULL_RANGE
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
