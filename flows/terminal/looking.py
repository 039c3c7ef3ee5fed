"""What `redub sheet`, `trace` and `diff` do: ask a catalog, and print or write the answer."""

from collections.abc import Sequence
from pathlib import Path

from flows.looking.rows import Order
from flows.looking.stage_sheet import stage_sheet
from flows.terminal.console import console, print_json
from flows.terminal.lineage import show_seen, show_trace
from flows.terminal.run_lineage import show_run_trace
from flows.terminal.versions import plain_diff, show_diff
from models.weights.runs import RUN, split_run
from storage.ledger.catalog import Catalog, existing_catalog
from storage.trainings.reading import trainings
from storage.versions.diff import diff
from storage.versions.lineage import Trace, trace
from storage.versions.trained import RunTrace, trace_run, who_saw


def write_sheet(
    catalog: str,
    stage: str,
    only: str,
    columns: Sequence[str],
    pictures: Sequence[str],
    limit: int,
    folder: Path,
    order: Order | None = None,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{stage}-{only}"
    written = stage_sheet(
        existing_catalog(catalog), stage, folder / f"{name}.png", folder / f"{name}.mp4",
        only=only, limit=limit, columns=columns, pictures=pictures, order=order,
    )  # fmt: skip
    console.print(
        f"{written.shown} rows: {written.sheet}" + (f", {written.mosaic}" if written.mosaic else "")
    )


def print_trace(catalog: str, item: str, history: bool, as_json: bool) -> None:
    tables = existing_catalog(catalog)
    if item.startswith(RUN):
        made = trace_run(tables, *split_run(item))
        print_json(made) if as_json else show_run_trace(made)
        return
    found = trace(tables, item)
    seen, behind = who_saw(tables, found.ids), trainings_behind(tables, found)
    if as_json:
        print_json({"trace": found, "made_with": behind, "trainings": seen})
        return
    show_trace(found, history)
    for reference, run in behind.items():
        console.print(f"[bold]{reference}[/], whose weights had a hand in it:")
        show_run_trace(run) if run else console.print("  the catalog does not know it any more")
    show_seen(seen)


def trainings_behind(catalog: Catalog, found: Trace) -> dict[str, RunTrace | None]:
    """Reference -> what made these weights, of each training by which a row of the newest settings was computed."""
    used = [step.computation.weights for step in found.steps if step.current and step.computation]
    references = dict.fromkeys(one for weights in used for one in weights if one.startswith(RUN))
    known = {one.run for one in trainings(catalog)}
    named = {one: split_run(one) for one in references}
    return {one: trace_run(catalog, *which) if which[0] in known else None for one, which in named.items()}


def print_diff(catalog: str, before: str, after: str, as_json: bool = False) -> None:
    found = diff(existing_catalog(catalog), before, after)
    print_json(plain_diff(found)) if as_json else show_diff(found)
