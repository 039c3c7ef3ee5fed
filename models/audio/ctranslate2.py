"""Reads the numbers of a model that CTranslate2 saved (model.bin) without CTranslate2: arrays by name, nothing is run.

The file is the version 6 of its binary format: numbers lowest byte first, a text as its length (with a final zero)
and its letters, and each array as name, sizes, kind and bytes. Only plain arrays are taken, no quantised ones.
"""

import struct
from pathlib import Path

import numpy as np

from models.weights.references import ModelError

VERSION = 6
MOST_BYTES = 8 << 30
MOST_ARRAYS, MOST_SIZES, MOST_LETTERS = 10_000, 8, 1_000
KINDS = ("<f4", "<i1", "<i2", "<i4", "<f2")
"""By the number that the file writes; bfloat16 and later ones are not read."""


def arrays(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """Returns what kind of model it is, and its arrays by name."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES >> 30} GB")
        return _arrays(_Reader(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} is not a model that CTranslate2 saved, or not all of one: {error}"
        ) from error


def _arrays(reader: "_Reader") -> tuple[str, dict[str, np.ndarray]]:
    version = reader.number("I")
    if version != VERSION:
        raise ValueError(f"it begins with {version}, where {VERSION}, the version of the format, belongs")
    kind, _revision, count = reader.text(), reader.number("I"), reader.number("I")
    if count > MOST_ARRAYS:
        raise ValueError(f"it claims {count:,} arrays")
    return kind, dict(reader.array() for _ in range(count))


class _Reader:
    """Takes one thing after another out of bytes, and never past their end."""

    def __init__(self, data: bytes):
        self._data, self._at = data, 0

    def number(self, code: str) -> int:
        (value,) = struct.unpack("<" + code, self._take(struct.calcsize(code)))
        return value

    def text(self) -> str:
        length = self.number("H")
        if not 0 < length <= MOST_LETTERS:
            raise ValueError(f"at byte {self._at:,} is no name")
        return self._take(length)[:-1].decode()

    def array(self) -> tuple[str, np.ndarray]:
        name, rank = self.text(), self.number("B")
        if rank > MOST_SIZES:
            raise ValueError(f"{name} claims {rank} sizes")
        sizes = [self.number("I") for _ in range(rank)]
        kind, length = self.number("B"), self.number("I")
        if kind >= len(KINDS):
            raise ValueError(f"{name} has numbers of kind {kind}, which are not read")
        values = np.frombuffer(self._take(length), KINDS[kind])
        return name, values.reshape(sizes)

    def _take(self, length: int) -> bytes:
        part = self._data[self._at : self._at + length]
        if len(part) < length:
            raise ValueError(f"{length:,} bytes belong at {self._at:,}, and it ends at {len(self._data):,}")
        self._at += length
        return part
