"""Reproduces a comparison in this process, for a person at a terminal or a program."""

import os
from pathlib import Path

import torch

from flows.errors import RecipeError
from flows.reproduce.plan import BUDGETS, variants_of
from flows.reproduce.run import Asked, reproduce
from flows.terminal.console import console, print_json, problems
from flows.terminal.reproduced import as_markdown, as_plain, show_reproduction
from infra.profiles import load_profile

NICE = 10
"""It runs for hours: others go first."""


def reproduce_in_foreground(
    budget: str, catalog: str, profile: str, people: int, noises: int, as_json: bool, out: Path | None
) -> bool:
    """False when a person stopped it."""
    if budget not in BUDGETS:
        raise RecipeError(f"there is no budget {budget!r}; there are: {', '.join(BUDGETS)}")
    if out and not out.parent.is_dir():
        raise RecipeError(
            f"{out} can't be written: there is no folder {out.parent}; make it, or give another"
        )
    asked = Asked(variants_of(BUDGETS[budget]), catalog, load_profile(profile), people, noises, quiet=as_json)
    os.nice(NICE)
    torch.set_num_threads(1)
    try:
        found = reproduce(asked)
    except KeyboardInterrupt:
        found = None
    if found is None:
        problems.print("stopped; the same command goes on")
        return False
    print_json(as_plain(found)) if as_json else show_reproduction(found)
    if out:
        out.write_text(as_markdown(found), encoding="utf-8")
        (problems if as_json else console).print(f"\nBoth tables: {out}", markup=False, soft_wrap=True)
    return True
