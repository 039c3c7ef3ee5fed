"""A running rebuild as a person at a terminal sees and stops it: progress, and what Ctrl-C does."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from flows.foreground.progress import live_progress, progress_line
from flows.run.driver import Rebuild
from flows.terminal.console import console, problems

LINE_EVERY_S = 5.0


@contextmanager
def shown(run: Rebuild) -> Iterator[None]:
    with _stop_on_ctrl_c(run), live_progress(run), _lines_where_no_terminal(run):
        yield


@contextmanager
def _stop_on_ctrl_c(run: Rebuild) -> Iterator[None]:
    """The first Ctrl-C commits what is done and ends; a second one ends at once."""

    def stop(_signum: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        problems.print("\nStopping: committing what is done (Ctrl-C again ends at once) ...")
        run.stop()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _lines_where_no_terminal(run: Rebuild) -> Iterator[None]:
    """In a log file, a line every few seconds instead of a table that redraws itself."""
    if console.is_terminal:
        yield
        return
    done = threading.Event()

    def talk() -> None:
        while not done.wait(LINE_EVERY_S):
            if line := progress_line(run.progress()):
                console.print(line, soft_wrap=True)

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
