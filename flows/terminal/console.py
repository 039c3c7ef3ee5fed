"""The two consoles of a terminal, and how numbers, times and tables are written on them."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from flows.terminal.plain_text import plain_console

console = plain_console()
problems = plain_console(stderr=True)


def can_move(on: Console = console) -> bool:
    """Whether lines can be drawn over: not in a file, whatever FORCE_COLOR says, and not on a dumb terminal."""
    return on.is_terminal and not on.is_dumb_terminal and on.file.isatty()


@contextmanager
def waiting(what: str) -> Iterator[Callable[[str], None]]:
    """Something without steps to count: it moves on a terminal, with what it was last told, and is a line elsewhere."""
    if not can_move():
        console.print(f"{what} ...", markup=False)
        yield lambda _: None
        return
    rest = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    told = TextColumn("{task.fields[told]}", markup=False, table_column=rest)
    columns = (SpinnerColumn(), TextColumn("{task.description} ...", markup=False), TimeElapsedColumn(), told)
    with Progress(*columns, console=console, transient=True, expand=True) as moving:
        task = moving.add_task(what, total=None, told="")
        yield lambda words: moving.update(task, told=words)


@contextmanager
def told_on_stderr() -> Iterator[None]:
    """Leaves standard output to the answer alone: what is told on the way goes where problems go."""
    before, console.stderr = console.stderr, True
    try:
        yield
    finally:
        console.stderr = before


def print_json(answer: Any) -> None:
    """For programs: what `--json` gives of an answer made of dataclasses, mappings and lists.

    JSON knows neither NaN nor infinity, and strict readers refuse what Python writes for them: they are null.
    """
    text = json.dumps(answer, default=_plain, ensure_ascii=False)
    print(json.dumps(json.loads(text, parse_constant=lambda _: None), ensure_ascii=False, indent=1))


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def number(n: float | None) -> str:
    return "-" if n is None else f"{n:,.0f}"


def duration(seconds: float | None) -> str:
    """Two units at most: `1 h 12 min`, `45 s`."""
    if seconds is None:
        return "?"
    if seconds < 1:
        return "<1 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60:,} h {minutes % 60} min"


def size(n: float | None) -> str:
    if n is None:
        return "?"
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"


def when(moment: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment.timestamp()))


def table_of_columns(*columns: tuple[str, str], title: str | None = None) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), title=title, title_justify="left", header_style="bold")
    for name, justify in columns:
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    return table
