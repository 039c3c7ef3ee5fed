"""Files that are there as a whole or not at all, and folders that hold one export and nothing else.

A file is written beside its place under a hidden name, flushed to the disk, and renamed. So what has its name is whole,
whenever a process or a machine dies, and the next run leaves it as it is.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from storage.errors import StorageError

BEGUN = ".export.json"
"""What an export in a folder is of, from its begin on."""
LOCK = ".lock"
UNFINISHED = ".part"


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    part = path.with_name(f".{path.name}{UNFINISHED}")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_whole(path: Path, data: bytes) -> None:
    with whole_file(path) as file:
        file.write(data)


def write_json(path: Path, value: Any) -> None:
    write_whole(path, json.dumps(value, ensure_ascii=False, indent=1).encode())


def flush_names(folder: Path) -> None:
    """Makes the names of files as durable as what is in them."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def local_folder(out: str, catalog_root: str) -> Path:
    if "://" in out:
        raise StorageError(f"{out} is no folder of this machine: export to one, and copy it there afterwards")
    folder = Path(out).expanduser().resolve()
    if "://" not in catalog_root and folder.is_relative_to(catalog_root):
        raise StorageError(
            f"{folder} is inside of the catalog, where only tables belong; name another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made ({error.strerror}); name another folder") from error
    return folder


def begin(folder: Path, about: Mapping[str, Any]) -> None:
    """Claims a folder for one export; refuses one that holds another, or anything else."""
    begun = folder / BEGUN
    if not begun.exists():
        others = sorted(
            path.name for path in folder.iterdir() if path.name not in (LOCK, f".{BEGUN}{UNFINISHED}")
        )
        if others:
            raise StorageError(
                f"{folder} holds other files ({', '.join(others[:3])}{', ...' if len(others) > 3 else ''}); name a new "
                "or an empty folder"
            )
        write_json(begun, about)
    _refuse_another(folder, json.loads(begun.read_text()), about)
    for left in folder.rglob(f".*{UNFINISHED}"):
        left.unlink()


def _refuse_another(folder: Path, there: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    differs = [name for name in about if there.get(name) != about[name]]
    if differs:
        told = ", ".join(f"{name} {there.get(name)!r} and not {about[name]!r}" for name in differs)
        raise StorageError(
            f"{folder} holds another export: {told}; name a new folder, or delete this one if it is no longer wanted"
        )


class Left(Protocol):
    """What is still to be written, and in words what is whole already."""

    @property
    def left(self) -> int: ...

    def kept(self) -> str: ...


@contextmanager
def room(folder: Path, progress: Left) -> Iterator[None]:
    """A full disk becomes one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise full(folder, progress) from error


def check_room(folder: Path, progress: Left) -> None:
    """Says it before hours of writing."""
    if shutil.disk_usage(folder).free < progress.left:
        raise full(folder, progress)


def full(folder: Path, progress: Left) -> StorageError:
    free = shutil.disk_usage(folder).free
    return StorageError(
        f"the disk under {folder} is full: {progress.left / 1e6:,.1f} MB are still to be written, and {free / 1e6:,.1f} "
        f"MB are free; {progress.kept()}: make room and run the same command again, it goes on from there"
    )
