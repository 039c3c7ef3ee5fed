"""How fast a stage is: per busy worker for the split of workers, and all together for people."""

import time
from collections import deque

KEEP = 0.98
"""Weight of the past at every answer: about the last fifty answers count."""
WINDOW_S = 30.0


class Meter:
    def __init__(self, hint: float | None) -> None:
        self._hint = hint
        self._items = self._busy = 0.0
        self._cold = True
        self._recent: deque[tuple[float, int]] = deque()
        self._born = time.monotonic()
        self.busy_total = 0.0

    def add(self, items: int, busy_s: float, warm: bool) -> None:
        """`warm`: not its worker's first answer, which pays for compilation and empty caches."""
        self._recent.append((time.monotonic(), items))
        self.busy_total += busy_s
        if not warm and not self._cold:
            return
        if warm and self._cold:
            self._items, self._busy, self._cold = 0.0, 0.0, False
        self._items = self._items * KEEP + items
        self._busy = self._busy * KEEP + busy_s

    @property
    def speed(self) -> float | None:
        """Items a second of one busy worker."""
        return self._items / max(self._busy, 1e-6) if self._items else self._hint

    @property
    def rate(self) -> float:
        """Items a second, all workers together, of late."""
        now = time.monotonic()
        while self._recent and self._recent[0][0] < now - WINDOW_S:
            self._recent.popleft()
        return sum(n for _, n in self._recent) / max(min(WINDOW_S, now - self._born), 1.0)
