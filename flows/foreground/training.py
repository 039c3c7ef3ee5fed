"""Runs a training in this process, for a person at a terminal: what it will be, progress, and where it ended."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.markup import escape
from rich.progress import Progress

from flows.errors import TrainingFailed
from flows.terminal.console import console, number, print_json, problems, waiting
from flows.terminal.training import TrainingView
from flows.training.driver import Training
from flows.training.recipes import TRAININGS, load_training
from flows.training.request import TrainRequest
from infra.launch.outcome import Ended
from infra.profiles import load_profile
from infra.resources import cpus_here
from storage.ledger.catalog import Catalog
from storage.trainings.reading import training


def train_in_foreground(
    kind: str,
    catalog: str,
    on: str,
    recipe: str,
    overrides: Sequence[str],
    profile: str,
    name: str,
    as_json: bool,
    log: Sequence[str] = (),
) -> bool:
    """False when a person stopped it."""
    what = load_training(kind, recipe, overrides)
    request = TrainRequest(kind, catalog, what, recipe, load_profile(profile), on, name, log=tuple(log))
    return _run(request, as_json)


def resume_in_foreground(
    catalog: str, run: str, profile: str, as_json: bool, log: Sequence[str] = ()
) -> bool:
    """False when a person stopped it."""
    before = training(Catalog(catalog), run)
    what = type(next(iter(TRAININGS[before.kind].values()))).model_validate(before.recipe)
    where = load_profile(profile or before.profile)
    request = TrainRequest(
        before.kind, catalog, what, "", where, before.data, run, resumes=True, log=tuple(log)
    )
    return _run(request, as_json)


def check_in_foreground(
    kind: str, catalog: str, on: str, recipe: str, overrides: Sequence[str], profile: str, as_json: bool
) -> None:
    """Only the checks."""
    raise NotImplementedError


def _run(request: TrainRequest, as_json: bool) -> bool:
    with Training(request) as running, TrainingView() as view:
        if not as_json:
            _say_what(running)
        _prepare(running)
        with _stop_on_ctrl_c() as stop, waiting("Starting Ray"):
            ended = running.run(view.hear if not as_json else lambda _: None, stop)
    return _concluded(running, ended, as_json)


def _prepare(running: Training) -> None:
    if running.data.prepare is None:
        return
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Rendering people of the world", total=None)
        running.data.prepare(cpus_here(), lambda done, of: progress.update(task, completed=done, total=of))


def _say_what(running: Training) -> None:
    recipe, data = running.recipe, running.data
    console.print(
        f"Training {running.name}: a {running.request.kind} on {data.name}, {number(len(data.windows))} windows; "
        f"{number(recipe.steps)} steps of {recipe.batch}",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    if running.not_validated:
        problems.print(f"[yellow]redub:[/] {escape(running.not_validated)}", soft_wrap=True)


def _concluded(running: Training, ended: Ended, as_json: bool) -> bool:
    result: dict[str, Any] = {"run": running.name, "state": ended.state, **(ended.result or {})}
    if as_json:
        print_json(result)
    if ended.state == "failed":
        raise TrainingFailed(
            f"training {running.name} failed: {ended.message}; `redub train resume {running.name}` goes on from its "
            "newest checkpoint"
        )
    if not as_json:
        step = result.get("step", 0)
        again = f"; `redub train resume {running.name}` goes on" if ended.state == "stopped" else ""
        console.print(
            f"Training {running.name} {ended.state} after step {number(step)}{again}. Look at it with `redub runs show "
            f"{running.name}`, name its weights as run:{running.name}.",
            markup=False, soft_wrap=True,
        )  # fmt: skip
        _say_where(running)
    return ended.state == "finished"


def _say_where(running: Training) -> None:
    seen = running.seen()
    for what, place in (("Curves", seen.curves), ("Newest samples", seen.newest_samples)):
        if place:
            console.print(f"{what}: {place}", markup=False, soft_wrap=True)


@contextmanager
def _stop_on_ctrl_c() -> Iterator[threading.Event]:
    """The first Ctrl-C, or SIGTERM, writes a checkpoint and ends; a second one ends at once."""
    stop = threading.Event()

    def ask(number: int, _frame: Any) -> None:
        signal.signal(number, before[number])
        problems.print("\nStopping: writing a checkpoint (again to end at once) ...")
        stop.set()

    before = {one: signal.signal(one, ask) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
