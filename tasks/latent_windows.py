"""Turns the latents of a clip's training windows into bytes for a row, of which one window can be read alone.

A header, then windows of the same size, each with one encoding or with two (the clip's, then the masked clip's), latent
frame by latent frame, in half precision. So a window is one range of bytes, and its first latent is the first of that
range. No codec, for the same reason.

N windows, E encodings of each, T latent frames, C channels, H by W latents.
"""

import struct
from dataclasses import dataclass

import numpy as np

HEADER = struct.Struct("<4s5I")
MAGIC = {2: b"RDL1", 1: b"RDL2"}
"""How many encodings a window has -> what its bytes begin with."""
HALF = np.dtype("<f2")


@dataclass(frozen=True)
class WindowShape:
    """The size of every window of one clip."""

    latents: int
    channels: int
    height: int
    width: int

    @property
    def frame_bytes(self) -> int:
        return HALF.itemsize * self.channels * self.height * self.width

    def window(self, number: int) -> tuple[int, int]:
        """First byte and count of bytes of one window of two encodings."""
        whole = 2 * self.latents * self.frame_bytes
        return HEADER.size + number * whole, whole

    def own(self, number: int) -> tuple[int, int]:
        """First byte and count of bytes of the clip's own, not masked, latents of one window."""
        first, both = self.window(number)
        return first, both // 2

    def single(self, number: int) -> tuple[int, int]:
        """First byte and count of bytes of one window that has one encoding."""
        whole = self.latents * self.frame_bytes
        return HEADER.size + number * whole, whole

    def first_latent(self, number: int) -> tuple[int, int]:
        """First byte and count of bytes of the first latent frame of the clip's own, not masked, latents."""
        return self.window(number)[0], self.frame_bytes


def pack(windows_NETCHW: np.ndarray) -> bytes:
    """Returns the windows as bytes; ValueError where half precision can't hold them."""
    assert windows_NETCHW.ndim == 6, windows_NETCHW.shape
    assert windows_NETCHW.shape[1] in MAGIC, windows_NETCHW.shape
    with np.errstate(over="ignore"):
        half = windows_NETCHW.astype(HALF)
    if not np.isfinite(half).all():
        raise ValueError(
            f"latents up to {np.abs(windows_NETCHW).max():.4g}, or not finite, don't fit into half precision "
            "(65504); was the VAE run in half precision itself?"
        )
    count, encodings, *shape = windows_NETCHW.shape
    return HEADER.pack(MAGIC[encodings], count, *shape) + half.tobytes()


def unpack(data: bytes) -> np.ndarray:
    """Returns all windows, float16 (N, E, T, C, H, W); ValueError for bytes that `pack` didn't write."""
    magic, count, *sizes = HEADER.unpack_from(data.ljust(HEADER.size, b"\0"))
    encodings = next((one for one, begins in MAGIC.items() if begins == magic), None)
    if encodings is None:
        known = " or ".join(repr(one) for one in MAGIC.values())
        raise ValueError(f"{len(data)} bytes are no latents: they begin with {data[:4]!r}, not {known}")
    shape = WindowShape(*sizes)
    end, _ = shape.single(count * encodings)
    if len(data) != end:
        raise ValueError(
            f"{count} windows of {tuple(sizes)} are {end} bytes, not {len(data)}: they are damaged"
        )
    return np.frombuffer(data, HALF, offset=HEADER.size).reshape(count, encodings, *sizes)


def unpack_window(part: bytes, shape: WindowShape) -> np.ndarray:
    """Returns the window (2, T, C, H, W) that a range of `WindowShape.window` holds."""
    return np.frombuffer(part, HALF).reshape(2, shape.latents, shape.channels, shape.height, shape.width)


def unpack_single(part: bytes, shape: WindowShape) -> np.ndarray:
    """Returns the latents (T, C, H, W) that a range of `WindowShape.own` or `single` holds."""
    return np.frombuffer(part, HALF).reshape(shape.latents, shape.channels, shape.height, shape.width)


def unpack_latent(part: bytes, shape: WindowShape) -> np.ndarray:
    """Returns the latent (C, H, W) that a range of `WindowShape.first_latent` holds."""
    return np.frombuffer(part, HALF).reshape(shape.channels, shape.height, shape.width)
