"""Downloads one object of a store, such as S3, and goes on where an earlier attempt ended."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from models.weights.checks import check_digest, check_pickle, check_space
from models.weights.references import ModelError, Remote
from models.weights.url import BLOCK, Progress

Opened = Callable[[str], AbstractContextManager[BinaryIO]]
"""Opens an address as a seekable file; what keeps it from that it raises as a ModelError."""


def no_store(address: str) -> AbstractContextManager[BinaryIO]:
    """Where nobody gave a store."""
    raise ModelError(f"{address} lies in an object store: only `redub models pull` fetches it")


def pull_object(remote: Remote, part: Path, progress: Progress, opened: Opened) -> None:
    """Downloads the object at a reference's address into `part`, and checks it."""
    target = part / remote.path.name
    with opened(remote.url) as source:
        size = source.seek(0, 2)
        have = target.stat().st_size if target.exists() else 0
        if have > size:
            have = 0  # what is there is of another object
        check_space(target.parent, size - have)
        source.seek(have)
        with target.open("r+b" if have else "wb") as file:
            file.seek(have)
            while block := source.read(BLOCK):
                have += file.write(block)
                progress(have, size)
    check_digest(target, remote.sha256, f"{target.name} of {remote.reference}")
    check_pickle(target)
