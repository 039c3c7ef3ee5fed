"""Packs features of speech into bytes and back, in half precision, which is far finer than the features are sure of.

Whisper-large gives 128 kB a second and layer. No codec: zstd would save a twelfth, and a window could no longer be
read out of the bytes where they lie.
"""

import struct

import numpy as np

HEADER = struct.Struct("<4sIII")
MAGIC = b"RDH1"


def pack(heard_PLD: np.ndarray) -> bytes:
    """Returns features (positions, layers, numbers in a vector) as bytes.

    ValueError where half precision can't hold them.
    """
    assert heard_PLD.ndim == 3, heard_PLD.shape
    with np.errstate(over="ignore"):
        half_PLD = heard_PLD.astype("<f2")
    if not np.isfinite(half_PLD).all():
        most = np.abs(heard_PLD).max()
        raise ValueError(
            f"features up to {most:.4g}, or not finite, don't fit into half precision (65504); "
            "was the model run in half precision itself?"
        )
    return HEADER.pack(MAGIC, *heard_PLD.shape) + half_PLD.tobytes()


def span(first: int, count: int, layers: int, numbers: int) -> tuple[int, int]:
    """Returns which bytes of a packed sound hold some of its positions: the first one, and how many."""
    each = 2 * layers * numbers
    return HEADER.size + first * each, count * each


def unpack_span(part: bytes, layers: int, numbers: int) -> np.ndarray:
    """Returns the features (P, L, D) that such bytes hold."""
    return np.frombuffer(part, "<f2").reshape(-1, layers, numbers)


def unpack(data: bytes) -> np.ndarray:
    """Returns float16 features (P, L, D), read-only, as a view of the bytes.

    ValueError for bytes that `pack` didn't write.
    """
    magic, *shape = HEADER.unpack_from(data.ljust(HEADER.size, b"\0"))
    if magic != MAGIC:
        raise ValueError(f"{len(data)} bytes are no features: they begin with {data[:4]!r}, not {MAGIC!r}")
    whole = HEADER.size + 2 * int(np.prod(shape, dtype=np.uint64))
    if len(data) != whole:
        raise ValueError(f"features of {tuple(shape)} are {whole} bytes, not {len(data)}: they are damaged")
    return np.frombuffer(data, "<f2", offset=HEADER.size).reshape(shape)
