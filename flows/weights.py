"""`redub models`: which weights there are, how to get those that are not here, and how good the mini ones are."""

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.options import SetOption

if TYPE_CHECKING:
    from models.mini.report import Mini, Result
    from models.weights.published import Known

app = typer.Typer(
    help="Weights: which there are, getting those that are not here, measuring the mini ones.",
    no_args_is_help=True,
)

AnyRecipe = Annotated[
    str, typer.Option("--recipe", "-r", help="Only what this recipe loads: mini, full, or your own .toml.")
]
SCHEMES = ("mini:", "own:", "hf://", "https://", "http://")
SHOW_AFTER_S = 2.0


@app.command("list")
def list_models(recipe: AnyRecipe = "", set_: SetOption = None) -> None:
    """Known models: what for, under which licence, how large, here or not, and the command to get each."""
    from flows.view import console
    from models.weights.known import known
    from models.weights.references import parse

    shown = [_described(one) for one in references_of(_recipe(recipe, set_))] if recipe else known()
    missing = {one.name: why for one in shown if (why := _missing(one))}
    console.print(_table(shown, missing))
    pulled = [one.name for one in shown if one.name in missing and parse(one.reference)]
    for one in shown:
        said = one.note if one.name in pulled or one.name not in missing else missing[one.name]
        if said:
            console.print(f"{one.name}: {said}", markup=False, soft_wrap=True)
    if pulled:
        console.print(f"\nredub models pull {shlex.join(pulled)}", markup=False, soft_wrap=True)


def _missing(one: "Known") -> str:
    """Why it cannot be loaded; empty when it can."""
    from models.weights.references import ModelError, resolve

    try:
        resolve(one.reference)
    except ModelError as error:
        return str(error)
    return ""


def _table(shown: "list[Known]", missing: dict[str, str]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    from flows.view import size

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("model", "for", "licence", "commercial", "size", "here"):
        table.add_column(column, justify="right" if column == "size" else "left", overflow="fold")
    sold = {True: "yes", False: "[red]no[/]", None: "[yellow]unclear[/]"}
    for one in shown:
        here = "[red]no[/]" if one.name in missing else "[green]yes[/]"
        names = (
            escape(text)
            for text in (one.name.partition("#")[0], one.purpose or "?", one.licence or "unknown")
        )
        table.add_row(*names, sold[one.commercial], size(one.size), here)
    return table


@app.command()
def pull(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names that `redub models list` shows, or references.")
    ] = None,
    recipe: AnyRecipe = "",
    set_: SetOption = None,
) -> None:
    """Download weights into the cache ($REDUB_MODELS, ~/.cache/redub/models). What was cut off goes on.

    A reference is hf://ORG/NAME@REVISION (with /FILE or /FOLDER) or https://HOST/FILE#sha256=HEX.
    """
    from models.weights.known import find
    from models.weights.references import ModelError

    wanted = references_of(_recipe(recipe, set_)) if recipe else []
    for name in names or []:
        known = find(name)
        wanted.append(known.reference if known else name)
    if not wanted:
        raise ModelError("say what to pull: names that `redub models list` shows, or --recipe full")
    failed = [str(error) for reference in wanted if (error := _pull_one(reference))]
    if failed:
        raise ModelError("\n".join(failed))


def _pull_one(reference: str) -> Exception | None:
    """One that fails doesn't keep the others from being pulled."""
    from flows.view import console
    from models.weights.digests import digest
    from models.weights.download import pinned, pull
    from models.weights.references import ModelError, parse, resolve

    try:
        remote = parse(reference)
        with _bar(reference) as tell:
            path = pull(remote, tell) if remote else resolve(reference)
            made = digest(reference)
    except ModelError as error:
        return error
    commit = f", commit {pinned(remote)[:12]}" if remote and remote.repository else ""
    console.print(f"[green]here[/]  {path}\n      sha256 {made[:12]}{commit}", soft_wrap=True)
    return None


@contextmanager
def _bar(reference: str) -> Iterator[Callable[[int, int], None]]:
    """Shown only when it takes long enough to be looked at."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from flows.view import console

    began = time.monotonic()
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(reference, total=None)

    def tell(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total or None)
        if not bar.live.is_started and time.monotonic() - began > SHOW_AFTER_S:
            console.print(reference, soft_wrap=True)
            bar.start()

    try:
        yield tell
    finally:
        bar.stop()


@app.command()
def report(
    names: Annotated[list[str] | None, typer.Argument(help="Only these: face, vae, ...")] = None,
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="Only mini: it has a truth to measure by.")
    ] = "mini",
    people: Annotated[
        int | None, typer.Option(min=2, help="Strangers to measure on; fewer is quicker and less sure.")
    ] = None,
) -> None:
    """Measure the mini models on people they have never seen; fails when a number is below its floor."""
    from flows.view import console
    from models.mini.report import chosen
    from models.weights.references import ModelError

    if recipe != "mini":
        raise ModelError(
            f"recipe {recipe!r} cannot be measured: only the mini models have a world whose truth is known"
        )
    bad = [mini.reference for mini in chosen(names or []) if not _measured(mini, people)]
    if bad:
        console.print(f"\n[red]Below a floor, or not measured:[/] {', '.join(bad)}")
        raise typer.Exit(1)
    console.print("\nAll at or above their floors.")


def _measured(mini: "Mini", people: int | None) -> bool:
    """Its numbers as soon as they are there: all together take minutes."""
    from rich.markup import escape

    from flows.view import console, duration
    from models.mini.report import run
    from models.weights.references import ModelError

    began = time.monotonic()
    console.print(f"\n[bold]{mini.reference}[/] on {people or mini.people} people")
    try:
        with console.status("measuring ..."):
            results = run(mini, people)
    except ModelError as error:
        console.print(f"  [red]not measured:[/] {escape(str(error))}", soft_wrap=True)
        return False
    console.print(_results(results))
    console.print(f"  {duration(time.monotonic() - began)}")
    return all(result.good for result in results)


def _results(results: "list[Result]") -> Any:
    from rich.table import Table

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


# -- what a recipe loads -------------------------------------------------------------------------------


def references_of(recipe: Any) -> list[str]:
    """Of all its stages, each once."""
    stages = (getattr(recipe, stage) for stage in type(recipe).model_fields)
    return list(dict.fromkeys(one for config in stages for one in references_in(config)))


def references_in(config: Any) -> list[str]:
    """Of one stage: what is written as a reference, and whatever a field called `..._model` holds."""
    return [
        value
        for field, value in config.model_dump().items()
        if isinstance(value, str) and value and (value.startswith(SCHEMES) or field.endswith("model"))
    ]


def _recipe(name: str, set_: list[str] | None) -> Any:
    from flows.recipes import load_recipe

    return load_recipe(name, set_ or [])


def _described(reference: str) -> "Known":
    """What is known of it; of a path, what the file says itself."""
    from models.weights.known import find
    from models.weights.licences import licences
    from models.weights.published import Known
    from models.weights.references import ModelError

    known = find(reference)
    if known:
        return known
    try:
        facts = licences([reference])[reference]
    except ModelError:
        facts = {"licence": "", "commercial": None}
    return Known(reference, reference, "", facts["licence"], facts["commercial"], None)
