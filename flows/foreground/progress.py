"""Draws how far a running rebuild is: a table that moves, or a line of text."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.text import Text

from flows.run.driver import Rebuild
from flows.run.progress import StageProgress
from flows.terminal.console import console, duration, table_of_columns


@contextmanager
def live_progress(run: Rebuild) -> Iterator[None]:
    """A line per stage that moves on its own; on a dumb terminal, a line of text now and then."""
    if not console.is_terminal:
        yield
        return
    with Live(get_renderable=lambda: _progress_table(run.progress()), console=console, refresh_per_second=4):
        yield


def _progress_table(stages: list[StageProgress]) -> Group:
    left = [("stage", "left"), ("", "left")]
    right = [(n, "right") for n in ("done", "ok", "rejected", "held", "rate", "left", "workers")]
    table = table_of_columns(*left, *right)
    for p in stages:
        eta = "" if p.finished else duration(p.eta_s) if p.eta_s else "..."
        rate = f"{p.rate:.1f}/s" if p.rate else ""
        table.add_row(
            p.name, _bar(p), f"{p.done}/{p.expected}", *map(str, (p.ok, p.rejected, p.quarantined)),
            rate, eta, str(p.workers or ""),
        )  # fmt: skip
    return Group(table, *_slow_items(stages))


def _slow_items(stages: list[StageProgress]) -> list[Text]:
    return [
        Text(f"  {p.name} has been at item {p.oldest[0]} for {duration(p.oldest[1])}", style="yellow")
        for p in stages
        if p.oldest and p.oldest[1] > 20
    ]


def _bar(p: StageProgress, width: int = 10) -> Text:
    share = 1.0 if p.finished else p.done / max(p.expected, 1)
    filled = round(share * width)
    return Text("━" * filled, style="green") + Text("━" * (width - filled), style="bright_black")


def progress_line(stages: list[StageProgress]) -> str:
    """What is under way; stages that are through, or haven't begun, are only counted."""
    stages = [p for p in stages if p.expected]
    live = [p for p in stages if not p.finished]
    moving = [
        f"{p.name} {p.done}/{p.expected}" + (f" {p.rate:.1f}/s" if p.rate else "")
        for p in live
        if p.done or p is live[0]
    ]
    through = f"{sum(p.finished for p in stages)} of {len(stages)} stages done" if len(stages) > 1 else ""
    return " | ".join([*([through] if through else []), *moving])
