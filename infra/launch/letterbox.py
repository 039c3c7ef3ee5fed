"""What passes between the workers and the driver: events one way, the wish to stop the other."""

import threading

from infra.launch.outcome import Fault


class Letterbox:
    """Many threads may call it. An event is kept until the driver says that it has seen it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[bytes] = []
        self._read = 0
        """Events that are gone from the front of the list."""
        self._faults: list[Fault] = []
        self._stopping = threading.Event()

    def post(self, events: list[bytes]) -> bool:
        """A worker's events in, pickled and in their order; out comes whether it is to stop."""
        with self._lock:
            self._events += events
        return self._stopping.is_set()

    def read(self, seen: int) -> list[bytes]:
        """What came after the first `seen` events."""
        with self._lock:
            del self._events[: seen - self._read]
            self._read = seen
            return list(self._events)

    def stop(self) -> None:
        self._stopping.set()

    def stopping(self) -> bool:
        return self._stopping.is_set()

    def blame(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def faults(self) -> list[Fault]:
        """Those since this was last asked. The first is the cause: where one worker fails, others follow."""
        with self._lock:
            faults, self._faults = self._faults, []
        return sorted(faults, key=lambda fault: not fault.final)
