"""Brings remote weights into the cache, for `redub models pull`. Nothing else in redub downloads anything.

A download goes into a `.part` folder beside its place, is checked there and then renamed, so what is in the
cache is whole. A download that was cut off goes on where it ended.
"""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.weights.hub import PULLED, pull_hub
from models.weights.references import ModelError, Remote
from models.weights.url import Progress, pull_url


def pull(remote: Remote, progress: Progress) -> Path:
    """Downloads weights, complete and checked, and returns their path; at once when they are there already."""
    folder = remote.folder
    part = folder.with_name(folder.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    try:
        with _alone(part, remote):
            if not _whole(remote):
                (pull_url if remote.url else pull_hub)(remote, part, progress)
                shutil.rmtree(folder, ignore_errors=True)
                part.replace(folder)
    except OSError as error:
        raise ModelError(f"{remote.reference} cannot be stored in {folder.parent}: {error}") from error
    shutil.rmtree(part, ignore_errors=True)
    return remote.path


def _whole(remote: Remote) -> bool:
    """Somebody may have deleted a file."""
    note = remote.folder / PULLED
    names = json.loads(note.read_text())["sha256"] if note.is_file() else []
    return remote.path.exists() and all((remote.folder / name).is_file() for name in names)


@contextmanager
def _alone(part: Path, remote: Remote) -> Iterator[None]:
    """Two at once would write into one file."""
    with part.with_suffix(".lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelError(f"{remote.reference} is being pulled by another process; wait for it") from None
        yield


def pinned(remote: Remote) -> str:
    """Returns the commit that a pulled branch or tag stood for; the digest is over the files, whatever it is called."""
    note = remote.folder / PULLED
    return str(json.loads(note.read_text())["commit"]) if note.is_file() else ""
