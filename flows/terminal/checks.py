"""Prints what the checks of a training found: a line each, with a mark."""

import textwrap
from collections.abc import Sequence

from rich.console import Console

from flows.terminal.console import console, problems
from tasks.training.checking.finding import Finding

MARKS = {"ok": ("+", "green"), "warn": ("!", "yellow"), "refuse": ("x", "red")}


def print_findings(findings: Sequence[Finding], seconds: float) -> None:
    """All of them."""
    for one in findings:
        _print(one, console)
    counts = {level: sum(one.level == level for one in findings) for level in MARKS}
    console.print(
        f"{len(findings)} checks in {seconds:.0f} s: {counts['refuse']} refuse, {counts['warn']} warn",
        markup=False,
    )


def print_warnings(findings: Sequence[Finding]) -> None:
    """Those alone that warn: what refuses is an error."""
    for one in findings:
        if one.level == "warn":
            _print(one, problems)


def _print(one: Finding, on: Console) -> None:
    mark, colour = MARKS[one.level]
    lines = textwrap.wrap(one.what, on.width - 2, break_on_hyphens=False) or [""]
    on.print(f"[{colour}]{mark}[/] ", end="", markup=True)
    on.print("\n  ".join(lines), markup=False, soft_wrap=True)
