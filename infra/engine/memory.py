"""Gives back what a worker is done with: without it, memory grows by a mebibyte a minute of video.

Containers and frames of libav end up in cycles, which Python collects by the number of its own objects and not by
what they hold; and codecs leave holes in the heap, which glibc keeps.
"""

import ctypes
import gc
import time

EVERY_S = 10.0
"""Both together take about a tenth of a second."""


class Trim:
    """To be called after each batch; does something every few seconds."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own

    def __call__(self) -> None:
        if time.monotonic() - self._last > EVERY_S:
            gc.collect()
            if self._give_back is not None:
                self._give_back(0)
            self._last = time.monotonic()
