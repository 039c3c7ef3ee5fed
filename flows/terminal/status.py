"""`redub status`: prints the state of a catalog, for people or as JSON."""

from collections.abc import Mapping
from typing import Any

from flows.terminal.aliases import show_version_lines
from flows.terminal.console import console, duration, number, print_json, table_of_columns, when
from flows.terminal.plain_text import escape
from storage.ledger.catalog import existing_catalog
from storage.overview import Overview, RunLine, StageRows, overview


def print_status(catalog: str, as_json: bool) -> None:
    found = overview(existing_catalog(catalog))
    if as_json:
        print_json(found)
    else:
        show_status(found)


def show_status(found: Overview) -> None:
    console.print(f"Catalog [bold]{escape(found.root)}[/]\n", soft_wrap=True)
    _show_runs(found.runs)
    _show_progress(found.progress)
    _show_rows(found.stages)
    show_version_lines(found.versions)


def _show_runs(runs: tuple[RunLine, ...]) -> None:
    table = table_of_columns(*((n, "left") for n in ("run", "started", "recipe", "profile", "ended")))
    for run in runs:
        ended = f"{run.state} {run.message}" if run.message else run.state
        table.add_row(run.run, when(run.started), escape(run.recipe), escape(run.profile), escape(ended))
    console.print(table)
    console.print()


def _show_progress(progress: Mapping[str, Any] | None) -> None:
    """Of the stages that have anything to do in this run."""
    if not progress:
        return
    left = duration(progress["eta_s"]) if progress["eta_s"] is not None else "not known yet"
    console.print(
        f"{progress['share']:.0%} of run {progress['run']} is done after {duration(progress['elapsed_s'])}; left: {left}\n"
    )
    columns = ("done", "of", "share", "a second", "workers", "left")
    table = table_of_columns(("stage", "left"), *((name, "right") for name in columns))
    for one in progress["stages"]:
        if one["expected"]:
            eta = "" if one["finished"] else duration(one["eta_s"]) if one["eta_s"] else "..."
            numbers = number(one["done"]), number(one["expected"]), f"{one['done'] / one['expected']:.0%}"
            table.add_row(one["stage"], *numbers, f"{one['rate']:.1f}", str(one["workers"] or ""), eta)
    console.print(table)
    console.print()


def _show_rows(stages: tuple[StageRows, ...]) -> None:
    columns = ("ok", "rejected", "quarantined", "older")
    table = table_of_columns(("stage", "left"), *((c, "right") for c in columns))
    for rows in stages:
        table.add_row(rows.stage, *(number(getattr(rows, c)) for c in columns))
    console.print(table)
    console.print()
