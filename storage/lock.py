"""One rebuild per catalog at a time. A second one is refused with the name of the first.

Rows stay right without it (see table.py): the lock keeps two runs from doing the same work twice.
On a local catalog it is the kernel's file lock, which a kill -9 releases. On an object store, where
nobody notices a death, it is a lease that the holder renews and that others may take once it is old.
"""

import fcntl
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from storage.store import Store

LEASE_S = 60.0


class CatalogBusy(RuntimeError):
    """Another run holds the catalog."""


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
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise _busy(str(path.parent), file.read()) from None
        file.truncate(0)
        file.write(json.dumps(holder))
        file.flush()
        yield


@contextmanager
def _lease(root: str, holder: dict[str, Any], store: Store) -> Iterator[None]:
    """Write, wait, look: of two that write at once, the later one's text stays and the other gives way."""
    fs, path = store.filesystem(f"{root}/.lease")
    mine = holder | {"token": uuid.uuid4().hex}
    held = _read_lease(fs, path)
    if held and held["renewed"] > time.time() - LEASE_S:
        raise _busy(root, json.dumps(held))
    fs.pipe_file(path, json.dumps(mine | {"renewed": time.time()}).encode())
    time.sleep(1.0)
    held = _read_lease(fs, path)
    if not held or held["token"] != mine["token"]:
        raise _busy(root, json.dumps(held))
    stop = threading.Event()
    renewer = threading.Thread(target=_renew, args=(fs, path, mine, stop), daemon=True)
    renewer.start()
    try:
        yield
    finally:
        stop.set()
        renewer.join()
        fs.rm_file(path)


def _renew(fs: Any, path: str, mine: dict[str, Any], stop: threading.Event) -> None:
    while not stop.wait(LEASE_S / 4):
        fs.pipe_file(path, json.dumps(mine | {"renewed": time.time()}).encode())


def _read_lease(fs: Any, path: str) -> dict[str, Any] | None:
    try:
        return json.loads(fs.cat_file(path))
    except FileNotFoundError:
        return None


def _busy(root: str, text: str) -> CatalogBusy:
    try:
        held = json.loads(text)
        who = f"run {held['run']} (process {held['pid']} on {held['host']}) since {time.ctime(held['since'])}"
    except (ValueError, KeyError, TypeError):
        who = "another run"
    return CatalogBusy(f"{root} is being rebuilt by {who}; wait for it, or cancel it, and try again")
