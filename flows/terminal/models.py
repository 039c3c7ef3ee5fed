"""`redub models list` and `pull`: prints what is known of models, and downloads their weights."""

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, BinaryIO

from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from flows.recipe_files import load_recipe
from flows.recipe_weights import references_of
from flows.terminal.console import can_move, console, print_json, size, told_on_stderr
from flows.terminal.plain_text import escape
from models.weights.digests import digest
from models.weights.download import pinned, pull
from models.weights.known import called, find, known
from models.weights.licences import licences
from models.weights.packages import drop_archives
from models.weights.published import Known
from models.weights.references import ModelError, parse, resolve, without_digest
from storage.addresses import told_plainly
from storage.errors import StorageError
from storage.store import Store

SHOW_AFTER_S = 2.0


def print_models(recipe: str, overrides: Sequence[str], as_json: bool = False) -> None:
    """Known models: what for, under which licence, how large, here or not, and the command to get each."""
    shown = [_described(one) for one in references_of(load_recipe(recipe, overrides))] if recipe else known()
    missing = {one.name: why for one in shown if (why := _missing(one))}
    if as_json:
        print_json([_plain(one, missing.get(one.name, "")) for one in shown])
        return
    console.print(_table(shown, missing))
    pulled = [one.name for one in shown if one.name in missing and parse(one.reference)]
    for one in shown:
        said = one.note if one.name in pulled or one.name not in missing else missing[one.name]
        if said:
            console.print(f"{one.name}: {said}", markup=False, soft_wrap=True)
    if pulled:
        console.print(f"\nredub models pull {shlex.join(pulled)}", markup=False, soft_wrap=True)


def _plain(one: Known, missing: str) -> dict[str, Any]:
    """As `--json` gives it. `pull`: what gets it; empty where it is here, or where nothing can."""
    pull = f"redub models pull {shlex.quote(one.name)}" if missing and parse(one.reference) else ""
    return {
        "name": one.name, "reference": one.reference, "purpose": one.purpose, "licence": one.licence,
        "commercial": one.commercial, "bytes": one.size, "here": not missing, "missing": missing, "pull": pull,
        "note": one.note,
    }  # fmt: skip


def pull_models(names: Sequence[str], recipe: str, overrides: Sequence[str], as_json: bool = False) -> None:
    """What fails is told when everything was tried."""
    wanted = references_of(load_recipe(recipe, overrides)) if recipe else []
    for name in names:
        known = find(name)
        wanted.append(known.reference if known else name)
    if not wanted:
        raise ModelError("say what to pull: names that `redub models list` shows, or --recipe real")
    found = []
    for reference in wanted:
        with told_on_stderr() if as_json else nullcontext():
            found.append(one := _pulled(reference))
        if isinstance(one, Pulled) and not as_json:
            console.print(str(one), soft_wrap=True)
    failed = [str(one) for one in found if isinstance(one, ModelError)]
    if failed:
        raise ModelError("\n".join(failed))
    drop_archives(remote for reference in wanted if (remote := parse(reference)))
    if as_json:
        print_json(found)


@dataclass(frozen=True)
class Pulled:
    """Weights that are here now."""

    name: str
    reference: str
    path: str
    sha256: str
    commit: str

    def __str__(self) -> str:
        commit = f", commit {self.commit[:12]}" if self.commit else ""
        return f"[green]here[/]  {self.name}: {self.path}\n      sha256 {self.sha256[:12]}{commit}"


def _pulled(reference: str) -> Pulled | ModelError:
    """One that fails doesn't keep the others from being pulled."""
    try:
        remote = parse(reference)
        with _bar(reference) as tell:
            path = pull(remote, tell, _opened) if remote else resolve(reference)
            made = digest(reference)
    except ModelError as error:
        return error
    commit = pinned(remote) if remote and remote.repository else ""
    return Pulled(called(reference), reference, str(path), made, commit)


@contextmanager
def _opened(address: str) -> Iterator[BinaryIO]:
    """An object of a store, with the options that the catalog's would have."""
    try:
        with told_plainly(address), Store().open(address) as file:
            yield file
    except FileNotFoundError as error:
        raise ModelError(f"there is no {address}: is the name right?") from error
    except StorageError as error:
        raise ModelError(str(error)) from error


@contextmanager
def _bar(reference: str) -> Iterator[Callable[[int, int], None]]:
    """Shown only when it takes long enough to be looked at."""
    began, shown = time.monotonic(), False
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not can_move())
    task = bar.add_task("", total=None)

    def tell(done: int, total: int) -> None:
        nonlocal shown
        bar.update(task, completed=done, total=total or None)
        if not shown and time.monotonic() - began > SHOW_AFTER_S:
            shown = True
            console.print(f"{called(reference)} ...", soft_wrap=True)
            bar.start()

    try:
        yield tell
    finally:
        bar.stop()


def _table(shown: list[Known], missing: dict[str, str]) -> Any:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("model", "for", "licence", "commercial", "size", "here"):
        table.add_column(column, justify="right" if column == "size" else "left", overflow="fold")
    sold = {True: "yes", False: "[red]no[/]", None: "[yellow]unclear[/]"}
    for one in shown:
        here = "[red]no[/]" if one.name in missing else "[green]yes[/]"
        names = (
            escape(text) for text in (without_digest(one.name), one.purpose or "?", one.licence or "unknown")
        )
        table.add_row(*names, sold[one.commercial], size(one.size), here)
    return table


def _missing(one: Known) -> str:
    """Why it cannot be loaded; empty when it can."""
    try:
        resolve(one.reference)
    except ModelError as error:
        return str(error)
    return ""


def _described(reference: str) -> Known:
    """What is known of it; of a path, what the file says itself."""
    known = find(reference)
    if known:
        return known
    try:
        facts = licences([reference])[reference]
    except ModelError:
        facts = {"licence": "", "commercial": None}
    return Known(reference, reference, "", facts["licence"], facts["commercial"], None)
