"""What a wish to stop does to a training that runs in this process: it writes a checkpoint and ends."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from flows.stopped import WISHES, note


@contextmanager
def stopped_by_signals(say: Callable[[str], None]) -> Iterator[threading.Event]:
    """The first Ctrl-C or SIGTERM asks for a checkpoint and the end; a second one ends at once."""
    stop = threading.Event()
    before: dict[int, Any] = {}

    def ask(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before[number])
        note(number)
        say("stopping: a checkpoint is being written (again to end at once)")
        stop.set()

    for wish in WISHES:
        before[wish] = signal.signal(wish, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
