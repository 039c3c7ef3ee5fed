"""Reproduces a comparison in this process: trains what is missing, measures what is not known, and judges the claims.

Stopped or killed at any moment, the same call goes on: with the training that was under way, or the measurement. Called
in several processes at once, they share the work.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from flows.errors import RecipeError, TrainingFailed
from flows.foreground.training import findings_of, heed, prepare, starting
from flows.reproduce.comparison import Reproduction, Trainings, compared
from flows.reproduce.measuring import Bench
from flows.reproduce.plan import BUDGETS, NAMES, Planned, Variant, chosen, trainings_of, variants_of
from flows.reproduce.sharing import Elsewhere, shared
from flows.reproduce.training import left, request_of
from flows.terminal.console import can_move, console, print_json, problems
from flows.terminal.live_training import TrainingView
from flows.terminal.reproduced import as_markdown, as_plain, show_reproduction
from flows.trained_weights import use_runs
from flows.training.driver import Training
from flows.training.stopping import stopped_by_signals
from infra.profiles import Profile, load_profile
from storage.ledger.catalog import Catalog
from storage.ledger.lock import CatalogBusy
from storage.trainings.names import training_holder

NICE = 10
"""It runs for hours: others go first."""
AGAIN_S = 10.0
"""After so long it is looked again whether something is left that no other process is at."""
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
    only: Sequence[str],
    as_json: bool,
    out: Path | None,
) -> bool:
    """False when a person stopped it."""
    if budget not in BUDGETS:
        raise RecipeError(f"there is no budget {budget!r}; there are: {', '.join(BUDGETS)}")
    if unknown := [name for name in only if name not in NAMES]:
        raise RecipeError(f"there is no variant {unknown[0]!r}; there are: {', '.join(NAMES)}")
    if out and not out.parent.is_dir():
        raise RecipeError(
            f"{out} can't be written: there is no folder {out.parent}; make it, or give another"
        )
    variants = tuple(chosen(variants_of(BUDGETS[budget], again), only) for again in range(trainings))
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
    asked.say(f"{len(planned)} trainings, of which {_done(planned, catalog)} are done; in {catalog.root}")
    return shared(
        lambda: left(catalog, planned), lambda one: _train(one, planned, asked, catalog), _waited(asked)
    )


def _done(planned: Sequence[Planned], catalog: Catalog) -> int:
    return len(planned) - len(left(catalog, planned))


def _train(planned: Planned, among: Sequence[Planned], asked: Asked, catalog: Catalog) -> bool:
    needed = [planned.parent] if planned.parent else []
    if left(catalog, needed) or training_holder(catalog, planned.name):
        raise Elsewhere(planned.name)
    number = _done(among, catalog) + 1
    asked.say(f"Training {number} of {len(among)}: {planned.name}, {planned.steps} steps on {planned.data}")
    try:
        return _run(planned, asked, catalog)
    except CatalogBusy as busy:  # since a moment ago
        raise Elsewhere(planned.name) from busy


def _run(planned: Planned, asked: Asked, catalog: Catalog) -> bool:
    running = Training(request_of(planned, catalog, asked.profile))
    heed(findings_of(running, quiet=asked.quiet))
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

    def unknown() -> list[tuple[Variant, int, int]]:
        return [one for one in each if not bench.known(*one[:2])]

    with _moving(asked.on, len(unknown())) as moved:

        def measure(one: tuple[Variant, int, int]) -> bool:
            variant, noise, number = one
            with bench.alone(variant, noise):
                moved(
                    f"measuring {variant.name} of training {number}, noise {noise + 1} of {asked.noises}",
                    len(unknown()),
                )
                bench.seen(variant, noise)
            return True

        shared(unknown, measure, _waited(asked))
    return {
        again[0].name: [
            list(zip(*(bench.seen(one, noise) for noise in noises), strict=True)) for one in again
        ]
        for again in zip(*asked.trained, strict=True)
    }


def _waited(asked: Asked) -> Callable[[], None]:
    """Says once that others are at what is left, and waits each time."""
    say = cache(asked.say)

    def wait() -> None:
        say("waiting for other processes, which are at what is left")
        time.sleep(AGAIN_S)

    return wait


@contextmanager
def _moving(on: Console, total: int) -> Iterator[Callable[[str, int], None]]:
    """A bar on a terminal, a line each elsewhere."""
    columns = (TextColumn("{task.completed:.0f}/{task.total:.0f}"), BarColumn(20), TimeElapsedColumn())
    named = TextColumn("{task.description}")
    with Progress(*columns, named, console=on, transient=True, disable=not can_move(on)) as shown:
        task = shown.add_task("", total=total)

        def moved(what: str, left: int) -> None:
            shown.update(task, completed=total - left, description=what)
            if not can_move(on):
                on.print(f"{total - left + 1} of {total}: {what}", markup=False, soft_wrap=True)

        yield moved
