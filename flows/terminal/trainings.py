"""`redub runs`: prints the trainings of a catalog, one in full, two beside each other; deletes the files of one."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from flows.errors import RecipeError
from flows.terminal.console import console, duration, number, print_json, table_of_columns, when
from flows.terminal.plain_text import escape
from flows.terminal.run_lineage import checkpoint_words, first_metric
from flows.training.curves import draw_curves
from storage.ledger.catalog import Catalog, existing_catalog
from storage.trainings.comparison import Difference, compare
from storage.trainings.names import training_lock
from storage.trainings.reading import (
    Training,
    best_of,
    checkpoints_of,
    last_metrics,
    skipped_of,
    steps_reached,
    training,
    trainings,
)
from storage.trainings.records import FAILED, STOPPED
from storage.trainings.writing import drop_training

SHOWN_IDS = 3
WIDEST = 18
"""Of a name in the table, before it is folded."""


def print_trainings(root: str, as_json: bool) -> None:
    catalog = existing_catalog(root)
    found, steps = trainings(catalog), steps_reached(catalog)
    best = {one.run: best_of(catalog, one.run) for one in found}
    if as_json:
        print_json([asdict(one) | {"step": steps.get(one.run), "best": best[one.run]} for one in found])
    elif found:
        console.print(_table(found, steps, best))
    else:
        console.print(f"No training in {catalog.root} yet.", markup=False, soft_wrap=True)


def _table(found: Sequence[Training], steps: Mapping[str, int], best: Mapping[str, Any]) -> Table:
    left, right = (("run", "what", "state"), ("best", "started"))
    table = table_of_columns(*((n, "left") for n in left), ("step", "right"), *((n, "left") for n in right))
    table.columns[0].min_width = min(WIDEST, max(len(one.run) for one in found))
    table.columns[-1].min_width = len("12-31 23:59")
    for column in table.columns:
        column.overflow = "fold"  # a name is typed: it must be there whole
    for one in found:
        words = (one.run, f"{one.kind} on {one.data}", one.state)
        chosen = first_metric(best[one.run])
        table.add_row(*map(escape, words), number(steps.get(one.run)), chosen, when(one.started)[5:16])
    return table


def print_training(root: str, run: str, as_json: bool) -> None:
    catalog = existing_catalog(root)
    one = training(catalog, run)
    facts = {
        "checkpoints": checkpoints_of(catalog, run), "metrics": last_metrics(catalog, run),
        "skipped": skipped_of(catalog, run),
    }  # fmt: skip
    print_json(asdict(one) | facts) if as_json else _show(catalog, one, **facts)


def _show(catalog: Catalog, one: Training, checkpoints: Any, metrics: Any, skipped: Any) -> None:
    console.print(
        f"[bold]{one.run}[/]  {one.kind}, {one.state}" + f": {escape(one.message)}" * bool(one.message)
    )
    ended = f", ended {when(one.ended)}" if one.ended else ""
    console.print(
        f"started {when(one.started)}{ended}, attempt {one.attempt}, on {one.world} x {one.profile}"
    )
    console.print(f"data {one.data}; `redub trace run:{one.run}` says what that is\n", markup=False)
    for name, value in one.recipe.items():
        console.print(f"  {name} = {value}", markup=False, soft_wrap=True)
    console.print()
    for checkpoint in checkpoints:
        console.print(f"  checkpoint {checkpoint.step}: {checkpoint_words(checkpoint)}", soft_wrap=True)
    for name, (step, value) in metrics.items():
        console.print(f"  {name} {value:.6g} at step {number(step)}", markup=False)
    for batch in skipped:
        ids = ", ".join(batch["ids"][:SHOWN_IDS]) + (" ..." if len(batch["ids"]) > SHOWN_IDS else "")
        console.print(
            f"  skipped step {batch['step']}: {batch['reason']} ({ids})", markup=False, soft_wrap=True
        )
    if one.state in ("killed", STOPPED, FAILED):
        console.print(
            f"\nGo on: redub train resume {one.run} -c {catalog.root}", markup=False, soft_wrap=True
        )


def draw_training(root: str, run: str, file: str, quiet: bool) -> None:
    """Its curves into a .png file."""
    if not file.lower().endswith(".png"):
        raise RecipeError(f"--picture writes a PNG: give a name that ends in .png, not {file!r}")
    drawn = draw_curves(existing_catalog(root), run)
    if drawn is None:
        raise RecipeError(f"training {run} has no step yet of which anything is known: nothing can be drawn")
    try:
        Path(file).write_bytes(drawn)
    except OSError as error:
        raise RecipeError(
            f"{file} can't be written: {error.strerror or error}; give another --picture"
        ) from None
    if not quiet:
        console.print(f"Curves: {file}", markup=False, soft_wrap=True)


def print_difference(root: str, before: str, after: str, as_json: bool) -> None:
    found = compare(existing_catalog(root), before, after)
    print_json(found) if as_json else _show_difference(found)


def _show_difference(found: Difference) -> None:
    console.print(f"{found.before.run} ({found.before.state}) -> {found.after.run} ({found.after.state})\n")
    _show_pairs("setting", found.recipe)
    _show_pairs("", found.facts)
    _show_pairs("parent", {name: (a[:12], b[:12]) for name, (a, b) in found.parents.items()})
    _show_pairs("metric", {name: tuple(map(_short, both)) for name, both in found.metrics.items()})


def _show_pairs(what: str, pairs: Mapping[str, tuple[Any, ...]]) -> None:
    for name, (a, b) in pairs.items():
        told = f"{what:<8} {name}" if what else name
        console.print(f"  {told}: {_said(a)} -> {_said(b)}", markup=False, soft_wrap=True)


def _said(value: Any) -> str:
    return "none" if value in (None, "") else str(value)


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def drop_one(root: str, run: str, yes: bool) -> None:
    catalog = existing_catalog(root)
    training(catalog, run)
    kept = checkpoints_of(catalog, run)
    hours = duration(kept[-1].seconds) if kept else "nothing"
    console.print(f"  {run}: {len(kept)} checkpoints, {hours} of training", markup=False)
    if not yes:
        console.print("Nothing deleted yet: the same command with --yes deletes, and can't be undone.")
        return
    with training_lock(catalog, run):
        drop_training(catalog, run)
    console.print("Deleted. Its rows stay, and its name stays its own.")
