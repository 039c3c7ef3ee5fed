"""Lets one process at a time write into a folder: two at once would write into one file."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.weights.errors import ModelError


@contextmanager
def alone(folder: Path, what: str) -> Iterator[None]:
    """Holds a folder that is, or is to be, at a place; refuses while another process does."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelError(f"{what} is being pulled by another process; wait for it") from None
        yield
