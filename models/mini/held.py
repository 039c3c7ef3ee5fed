"""Keeps what several processes may want to make from being made twice: one of them holds it, the kernel frees it.

with held(folder / "lock", 3): ...                 # waits for whoever has the third
with held(folder / "lock", 3, wait=False): ...     # BlockingIOError where somebody has it
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(lock: Path, place: int, wait: bool = True) -> Iterator[None]:
    """Holds one place of a file that stays empty, against other processes, until the end of this one at the latest."""
    with lock.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, place)
        yield
