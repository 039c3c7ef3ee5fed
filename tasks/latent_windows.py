"""Turns the latents of a clip's training windows into bytes for a row, of which one window can be read alone.

A header, then windows of the same size, each the clip's latents and then the masked clip's, latent frame by latent
frame, in half precision. So a window is one range of bytes, and its first latent is the first of that range.
No codec, for the same reason.

N windows, T latent frames, C channels, H by W latents; the 2 are the clip and the masked clip.
"""

import struct
from dataclasses import dataclass

import numpy as np

HEADER = struct.Struct("<4s5I")
MAGIC = b"RDL1"
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
        """First byte and count of bytes of one window."""
        whole = 2 * self.latents * self.frame_bytes
        return HEADER.size + number * whole, whole

    def own(self, number: int) -> tuple[int, int]:
        """First byte and count of bytes of the clip's own, not masked, latents of one window."""
        first, both = self.window(number)
        return first, both // 2

    def first_latent(self, number: int) -> tuple[int, int]:
        """First byte and count of bytes of the first latent frame of the clip's own, not masked, latents."""
        return self.window(number)[0], self.frame_bytes


def pack(windows_N2TCHW: np.ndarray) -> bytes:
    """Returns the windows as bytes; ValueError where half precision can't hold them."""
    assert windows_N2TCHW.ndim == 6, windows_N2TCHW.shape
    assert windows_N2TCHW.shape[1] == 2, windows_N2TCHW.shape
    with np.errstate(over="ignore"):
        half = windows_N2TCHW.astype(HALF)
    if not np.isfinite(half).all():
        raise ValueError(
            f"latents up to {np.abs(windows_N2TCHW).max():.4g}, or not finite, don't fit into half precision "
            "(65504); was the VAE run in half precision itself?"
        )
    count, _, *shape = windows_N2TCHW.shape
    return HEADER.pack(MAGIC, count, *shape) + half.tobytes()


def unpack(data: bytes) -> np.ndarray:
    """Returns all windows, float16 (N, 2, T, C, H, W); ValueError for bytes that `pack` didn't write."""
    magic, count, *shape = HEADER.unpack_from(data.ljust(HEADER.size, b"\0"))
    if magic != MAGIC:
        raise ValueError(f"{len(data)} bytes are no latents: they begin with {data[:4]!r}, not {MAGIC!r}")
    end, _ = WindowShape(*shape).window(count)
    if len(data) != end:
        raise ValueError(
            f"{count} windows of {tuple(shape)} are {end} bytes, not {len(data)}: they are damaged"
        )
    return np.frombuffer(data, HALF, offset=HEADER.size).reshape(count, 2, *shape)


def unpack_window(part: bytes, shape: WindowShape) -> np.ndarray:
    """Returns the window (2, T, C, H, W) that a range of `WindowShape.window` holds."""
    return np.frombuffer(part, HALF).reshape(2, shape.latents, shape.channels, shape.height, shape.width)


def unpack_own(part: bytes, shape: WindowShape) -> np.ndarray:
    """Returns the latents (T, C, H, W) that a range of `WindowShape.own` holds."""
    return np.frombuffer(part, HALF).reshape(shape.latents, shape.channels, shape.height, shape.width)


def unpack_latent(part: bytes, shape: WindowShape) -> np.ndarray:
    """Returns the latent (C, H, W) that a range of `WindowShape.first_latent` holds."""
    return np.frombuffer(part, HALF).reshape(shape.channels, shape.height, shape.width)
