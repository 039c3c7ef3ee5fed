"""Finds cuts as frames go by, from tiny copies of them: no second look at the source, no threshold to tune.

A cut changes the picture far more than the frames around it do, however little that is: the same person on
the same set after a jump, or two scenes. A flash changes it as much, but the picture comes back; a fast hand
changes a part of it; a pan changes every frame. None of them is a cut.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Generic, TypeVar

import numpy as np

NEIGHBOURS = 4
"""Frames on either side that a change is compared with."""
JUMP, JUMP_RATIO = 2.0, 4.0
"""Least mean change of a cut in a still scene (of 255), and over the largest change around it."""
SCENE, SCENE_RATIO = 16.0, 2.5
"""The same for a cut to something else; here over the median around it, so that cuts may follow each other."""
QUIET = 0.5
"""Changes below it are the camera's and the codec's noise."""
COMES_BACK = 0.4
"""A frame that differs by less than this share of the change from one before it: that was a flash."""
BLOCK = 9

T = TypeVar("T")


@dataclass
class _Seen(Generic[T]):
    thumb: np.ndarray
    change: float
    """Mean difference to the frame before."""
    broad: float
    """Median of it over blocks: what happens in less than half of the picture doesn't count."""
    items: list[T] = field(default_factory=list)
    """The frames that show it: more than one where the source stands still."""


class ShotDetector(Generic[T]):
    """Takes frames, gives them back a little later, each with its change and whether a shot starts with it."""

    def __init__(self) -> None:
        self._past: deque[_Seen[T]] = deque(maxlen=NEIGHBOURS + 1)
        self._next: deque[_Seen[T]] = deque()

    def push(self, item: T, thumb: np.ndarray | None, again: bool) -> Iterator[tuple[T, bool, float]]:
        """`again`: the very frame that was given before, shown longer."""
        if again and self._next:
            self._next[-1].items.append(item)
            return
        assert thumb is not None
        last = self._next[-1] if self._next else None
        change, broad = difference(last.thumb, thumb) if last else (0.0, 0.0)
        self._next.append(_Seen(thumb, change, broad, [item]))
        if len(self._next) > NEIGHBOURS + 1:
            yield from self._release()

    def flush(self) -> Iterator[tuple[T, bool, float]]:
        while self._next:
            yield from self._release()

    def _release(self) -> Iterator[tuple[T, bool, float]]:
        cut = bool(self._past) and self._is_cut()
        seen = self._next.popleft()
        self._past.append(seen)
        for number, item in enumerate(seen.items):
            first = number == 0
            yield item, cut and first, seen.change if first else 0.0

    def _is_cut(self) -> bool:
        now = self._next[0]
        # The first frame of all has nothing before it, so its change says nothing.
        around = [*list(self._past)[1:], *list(self._next)[1:]]
        changes = np.array([s.change for s in around] or [0.0])
        broad = max((s.broad for s in around), default=0.0)
        jump = now.change >= JUMP and now.change >= JUMP_RATIO * max(changes.max(), QUIET)
        jump = jump and now.broad >= JUMP_RATIO / 2 * max(broad, QUIET)
        scene = now.change >= SCENE and now.change >= SCENE_RATIO * float(np.median(changes))
        return (jump or scene) and not self._comes_back(now)

    def _comes_back(self, now: _Seen[T]) -> bool:
        """Whether something from shortly before is seen again, be it while a flash still fades."""
        pairs = product(list(self._past), list(self._next))
        return any(difference(a.thumb, b.thumb)[0] < COMES_BACK * now.change for a, b in pairs)


def difference(one_CHW: np.ndarray, other_CHW: np.ndarray) -> tuple[float, float]:
    """Mean over the picture, and the median over its blocks."""
    change_HW = np.abs(one_CHW - other_CHW).mean(0)
    high, wide = (length // BLOCK for length in change_HW.shape)
    blocks = change_HW[: high * BLOCK, : wide * BLOCK].reshape(high, BLOCK, wide, BLOCK).mean((1, 3))
    return float(change_HW.mean()), float(np.median(blocks))
