"""Runs the rebuild flow in this process, for a person at a terminal: progress and the result."""

from contextlib import ExitStack
from dataclasses import replace
from typing import Any, cast

from prefect.states import State

from flows import rebuild as flow_module
from flows.foreground.embedded import start_server
from flows.foreground.shown import shown
from flows.run.driver import Rebuild
from flows.terminal.console import problems, waiting
from flows.terminal.versions import show_version
from storage.versions.version import load_version


def run_in_foreground(**parameters: Any) -> str | None:
    """The published version's tag; None when a person stopped it. What went wrong is raised."""
    with ExitStack() as open_views:
        started: list[Rebuild] = []

        def on_start(run: Rebuild) -> None:
            started.append(run)
            open_views.enter_context(shown(run))

        token = flow_module.on_start.set(on_start)
        try:
            with waiting("Starting Prefect and Ray"):
                start_server()
                state = cast("State[Any]", flow_module.rebuild(**parameters, return_state=True))
        finally:
            flow_module.on_start.reset(token)
    return _conclude(state, started[0] if started else None)


def _conclude(state: State[Any], run: Rebuild | None) -> str | None:
    if state.is_cancelled():
        problems.print(f"[yellow]redub:[/] {state.message}", soft_wrap=True)
        return None
    result = state.result(raise_on_failure=True)
    assert run is not None
    version, _ = load_version(run.catalog, result["version"])
    show_version(replace(version, new=result["new"]), run.request.catalog)
    return version.tag
