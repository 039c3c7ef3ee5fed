"""A running rebuild as a person at a terminal sees and stops it: progress, and what Ctrl-C does."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from flows.foreground.progress import ProgressLines, live_progress
from flows.run.current import CurrentSource
from flows.run.driver import Rebuild
from flows.stopped import WISHES, note
from flows.terminal.console import can_move, console, problems
from flows.terminal.plain_text import escape

LINE_EVERY_S = 5.0


@contextmanager
def shown(run: Rebuild) -> Iterator[None]:
    with _stopped_by_signals(run), live_progress(run), _lines_where_no_terminal(run):
        yield


@contextmanager
def _stopped_by_signals(run: Rebuild) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM commits what is done and ends; a second one ends at once."""
    before: dict[int, Any] = {}

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before[number])
        note(number)
        problems.print("\nStopping: committing what is done (Ctrl-C again ends at once) ...")
        run.stop()

    for wish in WISHES:
        before[wish] = signal.signal(wish, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _lines_where_no_terminal(run: Rebuild) -> Iterator[None]:
    """In a log file, a line for each change, every few seconds at most, instead of a table that redraws itself."""
    if can_move():
        yield
        return
    done = threading.Event()
    lines = ProgressLines(CurrentSource(run.catalog, run.nodes).name)

    def talk() -> None:
        while not done.wait(LINE_EVERY_S):
            if line := lines.line(run.progress(), time.monotonic()):
                console.print(escape(line), soft_wrap=True)

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
