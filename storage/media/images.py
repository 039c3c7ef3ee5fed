"""PNG and JPEG bytes to pixels and back. Nobody vouches for what is decoded here.

Pillow decodes: it reads a picture's size from its header before it takes memory for it. libav encodes: its
PNGs take half of the time of Pillow's, and its JPEGs are smaller by a fifth where they are as good.
"""

import io
import warnings
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

from storage.media.container import MAX_PIXELS

FULL_RANGE = 2
"""As libav numbers it."""
QUICK_PNG = {"compression_level": "3", "pred": "up"}
"""A third of the time of libav's defaults, and a few percent more bytes."""

Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow warns above it, and refuses twice as much


def decode_image(data: bytes) -> np.ndarray:
    """RGB uint8; ValueError when it is neither PNG nor JPEG, damaged, or too large."""
    if not data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        raise ValueError("it is neither PNG nor JPEG")
    try:
        if (image := _opened(data)).format == "PNG":
            image.verify()  # the checksums, which are otherwise passed over
            image = _opened(data)
        image.load()
    except Image.UnidentifiedImageError as error:
        raise ValueError("it can't be decoded (its header is damaged)") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"it is larger than {MAX_PIXELS} pixels ({error})") from error
    except (OSError, SyntaxError, EOFError, ValueError) as error:
        raise ValueError(f"it can't be decoded ({error})") from error
    return _rgb(image)


def _opened(data: bytes) -> Image.Image:
    """No pixel of it is decoded yet."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
    if image.width * image.height > MAX_PIXELS:
        raise Image.DecompressionBombError(f"{image.width}x{image.height}")
    return image


def _rgb(image: Image.Image) -> np.ndarray:
    """Transparency is left out; of 16 bits the upper 8 are kept, which Pillow does for colours only."""
    if image.mode.startswith("I"):
        grey_HW = np.clip(np.asarray(image, np.int32) >> 8, 0, 255).astype(np.uint8)
        return np.stack([grey_HW] * 3, axis=2)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def encode_png(rgb: np.ndarray) -> bytes:
    frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(rgb), "rgb24")
    return _encoded(frame, "png", QUICK_PNG)


def encode_jpeg(rgb: np.ndarray, quality: int = 85) -> bytes:
    """Full-range JPEG; `quality` 1..100 as elsewhere, mapped to libav's quantiser (31 worst, 2 best)."""
    if not 1 <= quality <= 100:
        raise ValueError(f"JPEG quality goes from 1 to 100, not {quality}")
    scale = str(round(2 + (100 - quality) * 29 / 99))
    # JPEG has no colour tags: by convention it is BT.601 over the full range.
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24").reformat(
        format="yuvj444p" if quality > 90 else "yuvj420p",
        dst_colorspace=Colorspace.ITU601,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    return _encoded(frame, "mjpeg", {"qmin": scale, "qmax": scale, "bitexact": "1"})


def _encoded(frame: av.VideoFrame, codec: str, options: dict[str, str]) -> bytes:
    frame.pts = 0
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
    context.time_base, context.options, context.thread_count = Fraction(1, 25), options, 1
    if codec == "mjpeg":
        context.color_range = FULL_RANGE
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
