"""One rebuild per catalog at a time. A second one is refused with the name of the first.

Rows stay right without it (see table.py): the lock keeps two runs from doing the same work twice.
On a local catalog it is the kernel's file lock, which a kill -9 releases. On an object store, where
nobody notices a death, it is a lease (lease.py) that the holder renews and that others may take once it is old.
Whoever only wants to know asks `holder`, which writes nothing and takes nothing.
"""

import errno
import fcntl
import json
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from storage.errors import StorageError
from storage.ledger.lease import Held, held_by, lease
from storage.store import Store


class CatalogBusy(RuntimeError):
    """Another run holds the catalog, or the training."""

    def __init__(self, what: str, who: str, doing: str = "being rebuilt") -> None:
        super().__init__(what, who, doing)  # pickles by these
        self.who = who

    def __str__(self) -> str:
        what, who, doing = self.args
        return f"{what} is {doing} by {who}; wait for it, or cancel it, and try again"


def holder(root: str, store: Store | None = None) -> CatalogBusy | None:
    """Who has the catalog now, in words; None when nobody has. Needs no right to write."""
    if "://" in root:
        held = held_by(f"{root}/.lease", store or Store())
        return None if held is None else _busy(root, held)
    try:
        with open(Path(root) / ".lock") as file:
            return _busy(root, file.read()) if _is_locked(file.fileno()) else None
    except FileNotFoundError:
        return None


@contextmanager
def catalog_lock(root: str, run: str, store: Store | None = None) -> Iterator[None]:
    holder = {"run": run, "host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
    held = (
        _file_lock(Path(root) / ".lock", holder)
        if "://" not in root
        else _lease(root, holder, store or Store())
    )
    with held:
        yield


@contextmanager
def _file_lock(path: Path, holder: dict[str, Any]) -> Iterator[None]:
    with _opened(path) as file:
        try:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, _whole_file(fcntl.F_WRLCK))
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            file.seek(0)
            raise _busy(str(path.parent), file.read()) from None
        file.truncate(0)
        file.write(json.dumps(holder))
        file.flush()
        yield


def _opened(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "a+")
    except OSError as error:
        raise StorageError(
            f"{path.parent} cannot be changed ({error.strerror}): get the right to write there, or name another place "
            "with --catalog; commands that only look need none"
        ) from error


@contextmanager
def _lease(root: str, holder: dict[str, Any], store: Store) -> Iterator[None]:
    with ExitStack() as open_:
        try:
            open_.enter_context(lease(f"{root}/.lease", holder, store))
        except Held as error:
            raise _busy(root, str(error)) from None
        yield


def _whole_file(kind: int) -> bytes:
    """`struct flock` of C. Of Linux's three kinds of lock this one alone can be asked about without taking it."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0)


def _is_locked(descriptor: int) -> bool:
    found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _whole_file(fcntl.F_WRLCK))
    return struct.unpack("hhqqi4x", found)[0] != fcntl.F_UNLCK


def _busy(root: str, text: str) -> CatalogBusy:
    try:
        held = json.loads(text)
        who = f"run {held['run']} (process {held['pid']} on {held['host']}) since {time.ctime(held['since'])}"
    except (ValueError, KeyError, TypeError):
        who = "another run"
    return CatalogBusy(root, who)
