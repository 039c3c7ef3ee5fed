"""Digests of weights: one sha256 for a file or a folder, which says what it holds wherever it lies.

A stage's fingerprint holds the digest of all weights it loads, so other weights mean other rows. Hashing gigabytes
takes seconds, so the digest of a large file is kept in the cache.
"""

import os
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from models.weights.references import ModelError, cache, parse, resolve

SILENT = (".md", ".png", ".jpg", ".gif", ".pdf")
"""Files of a folder that change nothing about what a model computes; `about.json` says where it is from."""
LARGE = 64 << 20
"""Bytes from which a digest is remembered between runs: hashing 16 GB takes a plan's whole patience."""


def digest(reference: str) -> str:
    """Returns the hex sha256 of a file; of a folder, over the names and digests of the files that matter."""
    path = resolve(reference)
    found = _folder_digest(path) if path.is_dir() else file_digest(path)
    remote = parse(reference)
    if remote and remote.sha256 not in ("", found):
        raise ModelError(
            f"{path} is not what {reference} names any more: expected sha256 {remote.sha256}, found {found}; "
            f"delete it and run `redub models pull '{reference}'`"
        )
    return found


def files_that_matter(folder: Path) -> list[Path]:
    """Returns a folder's files, sorted, without what is hidden, meant for readers, or said about the weights."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if _matters(path.relative_to(folder)))


def _matters(inside: Path) -> bool:
    hidden = any(part.startswith(".") for part in inside.parts)
    return not hidden and inside.name != "about.json" and inside.suffix.lower() not in SILENT


def _folder_digest(folder: Path) -> str:
    files = files_that_matter(folder)
    if not files:
        raise ModelError(f"{folder} is empty: no weights are in it; give a folder that holds some")
    lines = (f"{file_digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    return sha256("".join(lines).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Returns a file's sha256, read once for one size and time of change: a path may be followed by the next weights."""
    status = path.stat()
    return _file_digest(path, f"{status.st_ino} {status.st_size} {status.st_mtime_ns}")


@lru_cache(maxsize=4096)
def _file_digest(path: Path, state: str) -> str:
    if path.stat().st_size < LARGE:
        return _read_digest(path)
    note = cache() / "digests" / state.replace(" ", "-")  # not its path: what was pulled is renamed
    if note.is_file():
        return note.read_text()
    found = _read_digest(path)
    write_whole(note, found)
    return found


def _read_digest(path: Path) -> str:
    with path.open("rb") as file:
        hashed = sha256()
        while block := file.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()


def write_whole(path: Path, text: str) -> None:
    """Writes a file of which either all is there or nothing: others may read at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)
