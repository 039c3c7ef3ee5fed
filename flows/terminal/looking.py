"""What `redub sheet`, `trace` and `diff` do: ask a catalog, and print or write the answer."""

from collections.abc import Sequence
from pathlib import Path

from flows.looking.stage_sheet import stage_sheet
from flows.terminal.console import console
from flows.terminal.lineage import show_trace
from flows.terminal.versions import show_diff
from storage.ledger.catalog import existing_catalog
from storage.versions.diff import diff
from storage.versions.lineage import trace


def write_sheet(
    catalog: str,
    stage: str,
    only: str,
    columns: Sequence[str],
    pictures: Sequence[str],
    limit: int,
    folder: Path,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{stage}-{only}"
    written = stage_sheet(
        existing_catalog(catalog), stage, folder / f"{name}.png", folder / f"{name}.mp4",
        only=only, limit=limit, columns=columns, pictures=pictures,
    )  # fmt: skip
    console.print(
        f"{written.shown} rows: {written.sheet}" + (f", {written.mosaic}" if written.mosaic else "")
    )


def print_trace(catalog: str, item: str, history: bool) -> None:
    show_trace(trace(existing_catalog(catalog), item), history)


def print_diff(catalog: str, before: str, after: str) -> None:
    show_diff(diff(existing_catalog(catalog), before, after))
