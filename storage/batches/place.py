"""Where the windows of a split lie: on a grid of equal steps from each clip's first frame.

Sample numbers count windows clip by clip, in the order of the version's rows. Arithmetic only: no sample has a
record of its own, so that millions take no memory.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar, overload

import numpy as np
import pyarrow as pa

One = TypeVar("One")


@dataclass(frozen=True)
class Place:
    """One window."""

    clip: int
    """Number of the clip in its split."""
    number: int
    """Of the window in its clip."""
    first: int
    """Its first frame."""


class Numbered(Sequence[One]):
    """What is worked out of its number each time; a slice of it is a list."""

    @abstractmethod
    def one(self, sample: int) -> One:
        """Returns what has that number."""

    @overload
    def __getitem__(self, sample: int) -> One: ...
    @overload
    def __getitem__(self, sample: slice) -> Sequence[One]: ...
    def __getitem__(self, sample: int | slice) -> One | Sequence[One]:
        if isinstance(sample, slice):
            return [self.one(i) for i in range(*sample.indices(len(self)))]
        return self.one(sample)


class Places(Numbered[Place]):
    """The windows of clips that are so many frames long; a clip shorter than a window has none."""

    def __init__(self, frames_N: np.ndarray, frames: int, stride: int) -> None:
        assert frames > 0, frames
        assert stride > 0, stride
        self._frames, self._stride = frames, stride
        self.windows_N = np.where(frames_N >= frames, 1 + (frames_N - frames) // stride, 0)
        self._ends_N = np.cumsum(self.windows_N)

    def __len__(self) -> int:
        return int(self._ends_N[-1]) if len(self._ends_N) else 0

    def one(self, sample: int) -> Place:
        if not 0 <= sample < len(self):
            raise IndexError(f"there is no window {sample}; they are numbered 0 to {len(self) - 1}")
        clip = int(np.searchsorted(self._ends_N, sample, side="right"))
        number = int(sample) - int(
            self._ends_N[clip] - self.windows_N[clip]
        )  # samplers of numpy give its own ints
        return Place(clip, number, number * self._stride)

    def another(self, place: Place, key: str) -> Place:
        """Another window of the same clip that shares no frame with this one, drawn by a hash of `key`.

        In a clip too short for that the farthest there is, which in a clip of one window is the window itself.
        """
        count = int(self.windows_N[place.clip])
        apart = -(-self._frames // self._stride)
        before, after = max(place.number - apart + 1, 0), max(count - place.number - apart, 0)
        if before + after:
            drawn = int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) % (before + after)
            number = drawn if drawn < before else place.number + apart + drawn - before
        else:
            number = 0 if place.number > count - 1 - place.number else count - 1
        return Place(place.clip, number, number * self._stride)


class WindowIds(Numbered[str]):
    """`<clip id>@<first frame>` of each window."""

    def __init__(self, clips: pa.StringArray, places: Places) -> None:
        self._clips, self._places = clips, places

    def __len__(self) -> int:
        return len(self._places)

    def one(self, sample: int) -> str:
        place = self._places[sample]
        return f"{self._clips[place.clip].as_py()}@{place.first}"
