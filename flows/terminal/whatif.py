"""Prints what other limits would make of the scored pairs: `redub whatif`."""

from collections.abc import Sequence
from pathlib import Path

from flows.looking.whatif import Group, WhatIf, changed_sheet, what_if
from flows.terminal.console import console, number, print_json, table_of_columns
from flows.terminal.plain_text import escape
from storage.ledger.catalog import existing_catalog

ROWS = 10
"""Groups of a kind that are printed; JSON has all."""


def print_whatif(catalog: str, settings: Sequence[str], as_json: bool, sheet: Path | None) -> None:
    tables = existing_catalog(catalog)
    found = what_if(tables, settings)
    drawn = changed_sheet(tables, found, sheet) if sheet else 0
    if as_json:
        print_json(found)
        return
    show_whatif(found)
    if sheet:
        console.print(
            f"\n{drawn} of them: {sheet}" if drawn else "\nNo pair is gained or lost, so no sheet is written."
        )


def show_whatif(found: WhatIf) -> None:
    for name, (now, then) in found.limits.items():
        console.print(f"  {name}: {_limit(now)} -> [bold]{_limit(then)}[/]")
    if not found.limits:
        console.print("These are the limits of the newest rebuild.")
    console.print(
        f"\n{number(found.before)} of {number(found.pairs)} scored pairs are accepted now, [bold]{number(found.after)}[/] "
        f"would be: {number(len(found.gained))} more come in, {number(len(found.lost))} go out."
    )
    if found.gained or found.lost:
        for name, groups in (
            ("speaker", found.by_speaker), ("yaw, degrees", found.by_yaw), ("occluder", found.by_occluder)
        ):  # fmt: skip
            _show_groups(name, groups)


def _limit(value: float | None) -> str:
    return "off" if value is None else f"{value:g}"


def _show_groups(name: str, groups: Sequence[Group]) -> None:
    numbers = ("now", "then", "gained", "lost")
    table = table_of_columns((name, "left"), *((n, "right") for n in numbers))
    for group in groups[:ROWS]:
        counts = (group.before, group.after, group.gained, group.lost)
        table.add_row(escape(group.name), *(number(n) for n in counts))
    console.print()
    console.print(table)
    if len(groups) > ROWS:
        console.print(f"and {number(len(groups) - ROWS)} more; --json has all of them")
