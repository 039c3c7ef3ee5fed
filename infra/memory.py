"""Gives back what a worker has freed: video codecs leave holes that glibc keeps, and that grow by the hour."""

import ctypes
import time
from collections.abc import Callable

EVERY_S = 5.0
"""It takes milliseconds, so the shortest batches go without."""


class Trim:
    """`trim()` after a batch; does something every few seconds, and nothing where the C library has no such call."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)

    def __call__(self) -> None:
        if self._trim is not None and time.monotonic() - self._last > EVERY_S:
            self._trim(0)
            self._last = time.monotonic()
