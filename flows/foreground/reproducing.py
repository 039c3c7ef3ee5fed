"""Reproduces a comparison in this process: trains what is missing, measures what is not known, and judges the claims.

Stopped or killed at any moment, the same call goes on: with the training that was under way, or the measurement.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from flows.errors import RecipeError, TrainingFailed
from flows.foreground.training import heed, prepare, starting
from flows.reproduce.comparison import Reproduction, Trainings, compared
from flows.reproduce.measuring import Bench
from flows.reproduce.plan import BUDGETS, Planned, Variant, trainings_of, variants_of
from flows.reproduce.training import left, request_of
from flows.terminal.console import can_move, console, print_json, problems, waiting
from flows.terminal.live_training import TrainingView
from flows.terminal.reproduced import as_markdown, as_plain, show_reproduction
from flows.trained_weights import use_runs
from flows.training.checked import check
from flows.training.driver import Training
from flows.training.stopping import stopped_by_signals
from infra.profiles import Profile, load_profile
from storage.ledger.catalog import Catalog

NICE = 10
"""It runs for hours: others go first."""
LEAST_PEOPLE = 3
"""With fewer there is no interval; one of them has something before the face."""


@dataclass(frozen=True)
class Asked:
    """What is to be reproduced, and how surely."""

    trained: tuple[tuple[Variant, ...], ...]
    """The variants, once for each training of all of them."""
    catalog: str
    profile: Profile
    people: int = 40
    noises: int = 3
    quiet: bool = False
    """Nothing but the answer goes to standard output."""

    def __post_init__(self) -> None:
        if "://" in self.catalog:
            raise RecipeError(
                f"{self.catalog} is an object store; what is measured is kept in a folder, give one"
            )
        if self.people < LEAST_PEOPLE or self.noises < 1 or not self.trained:
            raise RecipeError(
                f"an interval takes {LEAST_PEOPLE} people, 1 noise and 1 training or more, "
                f"not {self.people}, {self.noises} and {len(self.trained)}"
            )

    @property
    def on(self) -> Console:
        """Where it says how far it is."""
        return problems if self.quiet else console

    def say(self, text: str) -> None:
        """One line."""
        self.on.print(text, markup=False, soft_wrap=True)


def reproduce_in_foreground(
    budget: str,
    catalog: str,
    profile: str,
    people: int,
    noises: int,
    trainings: int,
    as_json: bool,
    out: Path | None,
) -> bool:
    """False when a person stopped it."""
    if budget not in BUDGETS:
        raise RecipeError(f"there is no budget {budget!r}; there are: {', '.join(BUDGETS)}")
    if out and not out.parent.is_dir():
        raise RecipeError(
            f"{out} can't be written: there is no folder {out.parent}; make it, or give another"
        )
    variants = tuple(variants_of(BUDGETS[budget], again) for again in range(trainings))
    asked = Asked(variants, catalog, load_profile(profile), people, noises, as_json)
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
        asked.say(f"\nBoth tables: {out}")
    return True


def reproduce(asked: Asked) -> Reproduction | None:
    """None when a person stopped a training."""
    catalog = Catalog(asked.catalog)
    use_runs(catalog)
    if not _trained(asked, catalog):
        return None
    return compared(_measured(asked, catalog), asked.noises)


def _trained(asked: Asked, catalog: Catalog) -> bool:
    planned = trainings_of(chain(*asked.trained))
    todo = left(catalog, planned)
    asked.say(f"{len(planned)} trainings, of which {len(planned) - len(todo)} are done; in {catalog.root}")
    for number, one in enumerate(todo, 1):
        asked.say(f"Training {number} of {len(todo)}: {one.name}, {one.steps} steps on {one.data}")
        if not _train(one, asked, catalog):
            return False
    return True


def _train(planned: Planned, asked: Asked, catalog: Catalog) -> bool:
    running = Training(request_of(planned, catalog, asked.profile))
    with nullcontext() if asked.quiet else waiting("Checking"):
        findings = check(running)
    heed(findings)
    with running, nullcontext() if asked.quiet else TrainingView() as view:
        prepare(running)
        with stopped_by_signals(problems.print) as stop, nullcontext() if asked.quiet else starting():
            ended = running.run(view.hear if view else lambda _: None, stop)
    if ended.state == "failed":
        raise TrainingFailed(
            f"training {planned.name} failed: {ended.message}; the same command goes on from its newest checkpoint"
        )
    return ended.state == "finished"


def _measured(asked: Asked, catalog: Catalog) -> dict[str, Trainings]:
    """The generator as it is shipped is the same one in all trainings, and so is what was measured of it."""
    bench, noises = Bench(Path(catalog.root) / "measured", asked.people), range(asked.noises)
    each = [
        (one, noise, number)
        for number, some in enumerate(asked.trained, 1)
        for one in some
        for noise in noises
    ]
    todo = [one for one in each if not bench.known(*one[:2])]
    with _moving(asked.on, len(todo)) as moved:
        for variant, noise, number in todo:
            moved(f"measuring {variant.name} of training {number}, noise {noise + 1} of {asked.noises}")
            bench.seen(variant, noise)
    return {
        again[0].name: [
            list(zip(*(bench.seen(one, noise) for noise in noises), strict=True)) for one in again
        ]
        for again in zip(*asked.trained, strict=True)
    }


@contextmanager
def _moving(on: Console, total: int) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal, a line each elsewhere."""
    columns = (TextColumn("{task.completed:.0f}/{task.total:.0f}"), BarColumn(20), TimeElapsedColumn())
    named = TextColumn("{task.description}")
    with Progress(*columns, named, console=on, transient=True, disable=not can_move(on)) as shown:
        task, begun = shown.add_task("", total=total), iter(range(total))

        def moved(what: str) -> None:
            done = next(begun)
            shown.update(task, completed=done, description=what)
            if not can_move(on):
                on.print(f"{done + 1} of {total}: {what}", markup=False, soft_wrap=True)

        yield moved
