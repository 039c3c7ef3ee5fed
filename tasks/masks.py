"""Turns the masks of a clip into bytes for a row and back (one bit a pixel, under zstd), and draws them over a picture.

Of the world's occluders, bytes a frame at 64 | 512 pixels and ms to read one at 512: packed bits 22 | 445 and
0.05; differences between frames 26 | 636 and 0.2 (a moving outline leaves two edges); run lengths 19 | 317 and
1.0; FFV1 121 | 658 and 0.6; lossless H.264 92 | 541 and 2.2. Packed bits are the quickest and the simplest, at
a few kB a second of a clip. `python -m tests.perf occluders` measures them again.
"""

import struct

import numpy as np
import pyarrow as pa

HEADER = struct.Struct("<4sIII")
MAGIC = b"RDM1"
LEVEL = 3
"""Twelve saves a tenth of the bytes and takes twenty times as long."""
TINT = np.array((255, 40, 160))
POSTER_PX = 160
"""Side of a picture in a poster that shows masks."""
MOST_PIXELS = 1 << 34
"""More than this is no clip but damage."""


def moments(frames: int) -> list[int]:
    """Numbers of the frames that a poster shows."""
    return [round(share * (frames - 1)) for share in (0.1, 0.5, 0.9)]


def pack(mask_FHW: np.ndarray) -> bytes:
    """bool (F, H, W): a clip's masks together, for neighbours repeat each other."""
    assert mask_FHW.dtype == bool, mask_FHW.dtype
    assert mask_FHW.ndim == 3, mask_FHW.shape
    codec = pa.Codec("zstd", compression_level=LEVEL)
    return HEADER.pack(MAGIC, *mask_FHW.shape) + codec.compress(np.packbits(mask_FHW), asbytes=True)


def unpack(data: bytes, part: slice = slice(None)) -> np.ndarray:
    """bool (F, H, W), as it was, or only a part of its frames; ValueError for bytes that `pack` didn't write."""
    magic, frames, height, width = HEADER.unpack_from(data.ljust(HEADER.size, b"\0"))
    pixels = frames * height * width
    if magic != MAGIC or pixels > MOST_PIXELS:
        raise ValueError(
            f"{len(data)} bytes are no packed masks: they begin with {data[:4]!r}, not {MAGIC!r}"
        )
    try:
        raw = pa.Codec("zstd").decompress(data[HEADER.size :], (pixels + 7) // 8, asbytes=True)
    except OSError as error:
        raise ValueError(f"masks of {frames} frames of {width}x{height} are damaged: {error}") from error
    bits = np.frombuffer(raw, np.uint8)
    if pixels and not height * width % 8:  # then a frame begins with a byte, and the others stay as they are
        bits_FN = bits.reshape(frames, -1)[part]
        return np.unpackbits(bits_FN).view(bool).reshape(len(bits_FN), height, width)
    return np.unpackbits(bits, count=pixels).view(bool).reshape(frames, height, width)[part]


def overlaid(rgb_HWC: np.ndarray, mask_HW: np.ndarray) -> np.ndarray:
    """The masked part tinted, its edge in full colour."""
    out = rgb_HWC.astype(np.int32)
    inside = mask_HW.copy()
    for axis in (0, 1):
        inside &= np.roll(mask_HW, 1, axis) & np.roll(mask_HW, -1, axis)
    out[mask_HW] = (out[mask_HW] + TINT) // 2
    out[mask_HW & ~inside] = TINT
    return out.astype(np.uint8)
