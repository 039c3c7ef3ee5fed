"""Reads the layers' numbers out of a network that dlib saved (.dat), without dlib: numbers only, nothing is run.

dlib writes an integer as how many bytes it has, then these, lowest first; a text as its length, then its letters; and
a tensor as the version 2, four sizes, and floats of four bytes. Each layer is its name, then its tensor. What lies
between (shapes of what it last computed, learning rates) is passed over: whoever knows the network checks that the
layers are those, in their order and sizes.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from models.weights.references import ModelError

LAYERS = {b"con_4": 0, b"affine_": 0, b"fc_2": 2}
"""How a layer's name is written -> integers between it and the layer's tensor."""
_NAMES = re.compile(b"|".join(b"\x01" + bytes([len(name)]) + re.escape(name) for name in LAYERS))
MOST_BYTES = 1 << 28
"""Ten times what the network of faces has."""
_VERSION, _DIMENSIONS = 2, 4


def layers(path: Path) -> list[tuple[str, np.ndarray]]:
    """Returns name and numbers (float32, one row) of each layer that has any, from the picture on."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES >> 20} MB")
        return list(_layers(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is not a network that dlib saved, or not all of one: {error}") from error


def _layers(data: bytes) -> Iterator[tuple[str, np.ndarray]]:
    at = 0
    while found := _NAMES.search(data, at):
        name, at = found[0][2:], found.end()
        for _ in range(LAYERS[name]):
            _, at = _integer(data, at)
        numbers_N, at = _tensor(data, at)
        yield name.decode().partition("_")[0], numbers_N


def _tensor(data: bytes, at: int) -> tuple[np.ndarray, int]:
    sizes = []
    version, at = _integer(data, at)
    for _ in range(_DIMENSIONS):
        size, at = _integer(data, at)
        sizes.append(size)
    if version != _VERSION or min(sizes) < 0:
        raise ValueError(f"at byte {at} is no tensor")
    count = sizes[0] * sizes[1] * sizes[2] * sizes[3]
    if count > (len(data) - at) // 4:
        raise ValueError(
            f"a tensor of {count:,} numbers begins at byte {at:,}, and the file ends at {len(data):,}"
        )
    numbers_N = np.frombuffer(data, "<f4", count, at)
    if not np.isfinite(numbers_N).all():
        raise ValueError(f"the tensor at byte {at:,} has numbers that are not finite")
    return numbers_N, at + 4 * count


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """A number and where the next thing begins; the highest bit of the first byte is the sign."""
    head = data[at] if at < len(data) else 0
    length, after = head & 0x0F, at + 1 + (head & 0x0F)
    if not 1 <= length <= 8 or after > len(data):
        raise ValueError(f"at byte {at:,} is no integer")
    value = int.from_bytes(data[at + 1 : after], "little")
    return (-value if head & 0x80 else value), after
