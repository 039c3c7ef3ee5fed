"""Run the rebuild flow in this process, for a person at a terminal: progress, Ctrl-C, the result."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any, cast

from prefect.states import State

from flows import rebuild as flow_module
from flows.driver import Rebuild
from flows.view import console, live_progress, problems, progress_line, show_version
from storage.publish import load_version

LINE_EVERY_S = 5.0


def run_in_foreground(**parameters: Any) -> str | None:
    """The published version's tag; None when a person stopped it. What went wrong is raised."""
    with ExitStack() as open_views:
        shown: list[Rebuild] = []

        def on_start(run: Rebuild) -> None:
            shown.append(run)
            open_views.enter_context(_stop_on_ctrl_c(run))
            open_views.enter_context(live_progress(run))
            open_views.enter_context(_lines_where_no_terminal(run))

        token = flow_module.on_start.set(on_start)
        try:
            with console.status("Starting ..."):
                state = cast("State[Any]", flow_module.rebuild(**parameters, return_state=True))
        finally:
            flow_module.on_start.reset(token)
    return _conclude(state, shown[0] if shown else None)


def _conclude(state: State[Any], run: Rebuild | None) -> str | None:
    if state.is_cancelled():
        problems.print(f"[yellow]redub:[/] {state.message}", soft_wrap=True)
        return None
    result = state.result(raise_on_failure=True)
    assert run is not None
    version, _ = load_version(run.catalog, result["version"])
    show_version(replace(version, new=result["new"]), run.request.catalog)
    return version.tag


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
