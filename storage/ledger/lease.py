"""A lease on an object store, where nobody notices a death: its holder renews it, and others may take it once it is old."""

import json
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from storage.addresses import told_plainly
from storage.ledger.lease_file import LeaseFile, Seen, lease_file
from storage.store import Store

LEASE_S = 60.0
RENEW_S = LEASE_S / 4
AGAIN_S = 3.0
"""A store that doesn't answer is asked again so soon: after a minute of silence others may take the lease."""
logger = logging.getLogger(__name__)


class Held(Exception):
    """Somebody else has it; what they wrote is the argument."""


def held_by(uri: str, store: Store) -> str | None:
    """What the holder of a lease wrote; None where nobody has it. Only looks."""
    with told_plainly(uri):
        seen = lease_file(store, uri).look()
    return seen.text if seen and _is_alive(seen) else None


@contextmanager
def lease(uri: str, holder: dict[str, Any], store: Store) -> Iterator[None]:
    """Raises `Held` where somebody has it."""
    with told_plainly(uri):
        taken = Lease(lease_file(store, uri), holder)
        taken.take()
    stop = threading.Event()
    renewer = threading.Thread(target=taken.keep, args=(uri, stop), daemon=True)
    renewer.start()
    try:
        yield
    finally:
        stop.set()
        renewer.join()
        taken.give_back()


class Lease:
    def __init__(self, file: LeaseFile, holder: dict[str, Any]) -> None:
        self._file, self._mine = file, holder | {"token": uuid.uuid4().hex}
        self._mark: str | None = None

    def take(self) -> None:
        seen = self._file.look()
        if seen and _is_alive(seen):
            raise Held(seen.text)
        self._mark = seen.mark if seen else None
        if not self._write():
            now = self._file.look()
            raise Held(now.text if now else "")

    def keep(self, uri: str, stop: threading.Event) -> None:
        """Until it is to stop, or another one has taken it, which a minute of silence allows."""
        wait = RENEW_S
        while not stop.wait(wait):
            try:
                if not self._write():
                    logger.error("the lease %s was taken by another run: see who writes there", uri)
                    self._mark = None
                    return
                wait = RENEW_S
            except Exception as error:  # noqa: BLE001 - whatever the store lacks, it may have again in a moment
                logger.warning("the lease %s can't be renewed now, and is tried again: %s", uri, error)
                wait = AGAIN_S

    def give_back(self) -> None:
        if self._mark is not None:
            self._file.remove(self._mark)

    def _write(self) -> bool:
        """Whether it is ours now. A put whose answer was lost is refused when it is repeated, and yet was done."""
        mark = self._file.write(json.dumps(self._mine | {"renewed": time.time()}), self._mark)
        if mark is None:
            seen = self._file.look()
            if seen is None:  # removed by hand, or with the server's last seconds
                mark = self._file.write(json.dumps(self._mine | {"renewed": time.time()}), None)
            elif self._mine["token"] in seen.text:
                mark = seen.mark
        if mark is not None:
            self._mark = mark
        return mark is not None


def _is_alive(seen: Seen) -> bool:
    return seen.age_s < LEASE_S
