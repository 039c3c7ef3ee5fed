"""Draws how far a running rebuild is: a table that moves, or a line of text."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.text import Text

from flows.run.driver import Rebuild
from flows.run.progress import StageProgress
from flows.terminal.console import can_move, console, duration, table_of_columns

AGAIN_S = 60.0
"""After which a line is said again, though nothing has changed: something takes long."""


@contextmanager
def live_progress(run: Rebuild) -> Iterator[None]:
    """A line per stage that moves on its own; on a dumb terminal, a line of text now and then."""
    if not can_move():
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


class ProgressLines:
    """Says how far a rebuild is where lines can't be drawn over: once for each change, and now and then for none."""

    def __init__(self, name_of: Callable[[str], str]) -> None:
        self._name_of = name_of
        self._said: list[tuple[str, int, int]] = []
        self._at = 0.0

    def line(self, stages: list[StageProgress], now: float) -> str:
        """Empty where nothing is new."""
        counts = [(p.name, p.done, p.expected) for p in stages if p.expected]
        if not counts or (counts == self._said and now - self._at < AGAIN_S):
            return ""
        self._said, self._at = counts, now
        return " | ".join(filter(None, [progress_line(stages), self._current(stages)]))

    def _current(self, stages: list[StageProgress]) -> str:
        """The source that has been worked on for longest."""
        oldest = max((p.oldest for p in stages if p.oldest), key=lambda item: item[1], default=None)
        name = self._name_of(oldest[0]) if oldest else ""
        return f"{name}, for {duration(oldest[1])}" if oldest and name else ""


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
