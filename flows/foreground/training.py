"""Runs a training in this process, for a person at a terminal: what it will be, progress, and where it ended."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.progress import Progress

from flows.environment import DATA
from flows.errors import RecipeError, TrainingFailed
from flows.terminal.checks import print_findings, print_warnings
from flows.terminal.console import can_move, console, number, print_json, problems, waiting
from flows.terminal.live_training import TrainingView
from flows.terminal.plain_text import escape
from flows.training.checked import check, check_data, refuse_if_wrong, to_be_rendered
from flows.training.driver import Training
from flows.training.recipes import called, load_training, recipe_of
from flows.training.request import TrainRequest
from flows.training.stopping import stopped_by_signals
from flows.training.torchrun import rank_here
from infra.launch.outcome import Ended
from infra.profiles import ProfileError, load_profile
from infra.resources import cpus_here
from models.weights.errors import ModelError
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.trainings.reading import training
from tasks.training.checking.finding import Finding, refuse


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
    what = recipe_of(before.kind, before.recipe)
    where = load_profile(profile or before.profile)
    request = TrainRequest(
        before.kind, catalog, what, "", where, before.data, run, resumes=True, log=tuple(log)
    )
    return _run(request, as_json)


def check_in_foreground(
    kind: str, catalog: str, on: str, recipe: str, overrides: Sequence[str], profile: str, as_json: bool
) -> bool:
    """Only the checks; False when they refuse it."""
    started = time.monotonic()
    try:
        what = load_training(kind, recipe, overrides)
        request = TrainRequest(kind, catalog, what, recipe, load_profile(profile), on)
        findings = findings_of(Training(request), quiet=as_json)
    except (RecipeError, StorageError, ModelError, ProfileError) as error:  # nothing could be opened at all
        findings = [refuse(str(error))]
    if as_json:
        print_json(findings)
    else:
        print_findings(findings, time.monotonic() - started)
    return not any(one.level == "refuse" for one in findings)


def _run(request: TrainRequest, as_json: bool) -> bool:
    running = Training(request)
    if running.first:
        heed(findings_of(running, quiet=as_json))
    with running, TrainingView() as view:
        if not as_json and running.first:
            _say_what(running)
        prepare(running)
        with stopped_by_signals(problems.print) as stop, starting():
            ended = running.run(view.hear if not as_json else lambda _: None, stop)
    return _concluded(running, ended, as_json) if running.first else ended.state == "finished"


def findings_of(running: Training, quiet: bool) -> list[Finding]:
    """Shows each finding while the next one is sought."""
    if quiet:
        return check(running)
    with waiting("Checking") as say:
        return check(running, lambda found: say(found.what))


def starting() -> AbstractContextManager[Any]:
    """Says that Ray starts, where it does."""
    return waiting("Starting Ray") if rank_here() is None else nullcontext()


def heed(findings: Sequence[Finding]) -> None:
    """Prints warnings; raises what is refused."""
    print_warnings(findings)
    refuse_if_wrong(findings)


def prepare(running: Training) -> None:
    """Renders people of the world where they are missing, and then looks at them."""
    if running.data.prepare is None:
        return
    unseen = to_be_rendered(running)
    with Progress(console=console, transient=True, disable=not can_move()) as progress:
        task = progress.add_task("Rendering people of the world", total=None)
        running.data.prepare(cpus_here(), lambda done, of: progress.update(task, completed=done, total=of))
    if unseen:
        heed(check_data(running))


def _say_what(running: Training) -> None:
    recipe, data = running.recipe, running.data
    console.print(
        f"Training {running.name}: a {called(running.request.kind)} on {data.name}, {number(len(data.windows))} windows; "
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
        where = "" if running.request.catalog == str(DATA / "catalog") else f" -c {running.request.catalog}"
        again = f"; `redub train resume {running.name}{where}` goes on" if ended.state == "stopped" else ""
        console.print(
            f"Training {running.name} {ended.state} after step {number(step)}{again}. Look at it with `redub runs show "
            f"{running.name}{where}`, name its weights as run:{running.name}.",
            markup=False, soft_wrap=True,
        )  # fmt: skip
        _say_where(running)
    return ended.state == "finished"


def _say_where(running: Training) -> None:
    seen = running.seen()
    for what, place in (("Curves", seen.curves), ("Newest samples", seen.newest_samples)):
        if place:
            console.print(f"{what}: {place}", markup=False, soft_wrap=True)
