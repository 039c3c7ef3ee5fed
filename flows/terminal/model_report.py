"""`redub models report`: measures the mini models on people they have never seen, and prints the numbers."""

import time
from typing import Any

from rich.table import Table

from flows.terminal.console import console, duration
from flows.terminal.plain_text import paragraph
from models.mini.report import Mini, Result, chosen, run
from models.weights.references import ModelError


def print_report(names: list[str], recipe: str, people: int | None) -> bool:
    """Whether every number is at or above its floor."""
    if recipe != "mini":
        raise ModelError(
            f"recipe {recipe!r} cannot be measured: only the mini models have a world whose truth is known"
        )
    bad = [mini.reference for mini in chosen(names) if not _measured(mini, people)]
    if bad:
        console.print(f"\n[red]Below a floor, or not measured:[/] {', '.join(bad)}")
        return False
    console.print("\nAll at or above their floors.")
    return True


def _measured(mini: Mini, people: int | None) -> bool:
    """Its numbers as soon as they are there: all together take minutes."""
    began = time.monotonic()
    console.print(f"\n[bold]{mini.reference}[/] on {people or mini.people} people")
    try:
        with console.status("measuring ..."):
            results = run(mini, people)
    except ModelError as error:
        console.print(f"  [red]not measured:[/] {paragraph(str(error))}", soft_wrap=True)
        return False
    console.print(_results(results))
    console.print(f"  {duration(time.monotonic() - began)}")
    return all(result.good for result in results)


def _results(results: list[Result]) -> Any:
    table = Table.grid(padding=(0, 2))
    for _ in range(4):
        table.add_column()
    for one in results:
        told = "" if one.floor is None else "[green]ok[/]" if one.good else "[red]below[/]"
        table.add_row(f"  {one.number}", f"{one.value:.4g}", _floor(one.floor), told)
    return table


def _floor(floor: Any) -> str:
    if floor is None:
        return ""
    least, most = floor if isinstance(floor, tuple) else (floor, None)
    return " and ".join(f"{sign} {n:g}" for sign, n in ((">=", least), ("<=", most)) if n is not None)
