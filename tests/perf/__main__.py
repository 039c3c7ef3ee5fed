"""Everything that redub claims about speed, measured beside its peers, in one table.

    python -m tests.perf [PART ...]      # parts: see PARTS; all: about fifteen minutes

Ratios are of two measurements from the same run on the same machine. Exit code 1: a target was missed.
"""

import argparse
import os
import sys
import tempfile
import time
from importlib import import_module

from rich.console import Console
from rich.table import Table

from flows import environment
from tests.perf.line import Line

PARTS = (
    "chain", "plan", "media", "ingest", "render", "captions", "occluders", "facemask", "companion", "batches", "pairs",
    "export", "dit", "training", "whatif", "real", "start",
)  # fmt: skip
WIDTH = 100

console = Console(highlight=False, width=WIDTH)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.perf", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"some of: {', '.join(PARTS)}; default: all")
    chosen = parser.parse_args().parts
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"PREFECT_HOME": home, "RAY_BACKEND_LOG_LEVEL": "fatal"}
        environment.prepare()
        lines = {part: measure(part) for part in PARTS if part in (chosen or PARTS)}
    console.print(table(lines))
    return int(any(line.missed for part in lines.values() for line in part))


def measure(part: str) -> list[Line]:
    begun = time.monotonic()

    def say(text: str) -> None:
        console.print(
            f"{time.monotonic() - begun:4.0f} s  {part}: {text}", style="bright_black", soft_wrap=True
        )

    return import_module(f"tests.perf.bench_{part}").lines(say)


def table(parts: dict[str, list[Line]]) -> Table:
    drawn = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for name, justify in (
        ("", "left"),
        ("measured", "left"),
        ("", "right"),
        ("target", "right"),
        ("", "left"),
    ):
        drawn.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    drawn.add_column("", style="bright_black")
    for part, lines in parts.items():
        for i, line in enumerate(lines):
            state = "" if not line.target else "[red]missed[/]" if line.missed else "[green]ok[/]"
            value = f"{line.value:.2f}{line.unit}"
            drawn.add_row("" if i else part, line.what, value, line.target, state, line.note)
    return drawn


if __name__ == "__main__":
    sys.exit(main())
