"""Reproduces a comparison: trains what is missing, measures what is not known, and judges the claims.

Stopped or killed at any moment, the same call goes on: with the training that was under way, or the measurement.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from flows.errors import RecipeError
from flows.reproduce.claims import CLAIMS, Judged, judged
from flows.reproduce.measuring import Bench
from flows.reproduce.plan import Variant, trainings_of
from flows.reproduce.training import finished, train
from flows.terminal.console import console, problems
from flows.trained_weights import use_runs
from infra.profiles import Profile
from models.mini.companions.intervals import Sure, over_people
from models.mini.generator.scores import Seen, numbers_of
from storage.ledger.catalog import Catalog

LEAST_PEOPLE = 5
"""With fewer nobody's interval is known; of them two have something before the face."""
People = Sequence[Sequence[Seen]]
"""What is seen of each person, once for each noise."""


@dataclass(frozen=True)
class Asked:
    """What is to be reproduced, and how surely."""

    variants: tuple[Variant, ...]
    catalog: str
    profile: Profile
    people: int = 40
    noises: int = 3
    quiet: bool = False
    """Says nothing on standard output."""

    def __post_init__(self) -> None:
        if "://" in self.catalog:
            raise RecipeError(
                f"{self.catalog} is an object store; what is measured is kept in a folder, give one"
            )
        if self.people < LEAST_PEOPLE or self.noises < 1:
            raise RecipeError(
                f"an interval takes {LEAST_PEOPLE} people and 1 noise or more, not {self.people} and {self.noises}"
            )


@dataclass(frozen=True)
class Reproduction:
    """The numbers of each variant, and what they say of each claim."""

    people: int
    noises: int
    numbers: Mapping[str, Mapping[str, Sure]]
    judged: Sequence[Judged]


def reproduce(asked: Asked) -> Reproduction | None:
    """None when a person stopped a training."""
    catalog = Catalog(asked.catalog)
    use_runs(catalog)
    if not _trained(asked, catalog):
        return None
    return compared(_measured(asked, catalog), asked.noises)


def compared(seen: Mapping[str, People], noises: int) -> Reproduction:
    """Variants by their names; claims about others are left out."""
    numbers = {name: over_people(people, _numbers) for name, people in seen.items()}
    apart: dict[tuple[str, str], Mapping[str, Sure]] = {}
    found = []
    for claim in CLAIMS:
        ours, theirs = claim.ours, claim.theirs
        if ours not in seen or (isinstance(theirs, str) and theirs not in seen):
            continue
        if isinstance(theirs, str):
            if (ours, theirs) not in apart:
                apart[ours, theirs] = differences(seen[ours], seen[theirs])
            found.append(judged(claim, apart[ours, theirs][claim.metric]))
        else:
            one = numbers[ours][claim.metric]
            found.append(judged(claim, Sure(one.value - theirs, one.plus_minus)))
    people = len(next(iter(seen.values())))
    return Reproduction(people, noises, numbers, found)


def differences(ours: People, theirs: People) -> Mapping[str, Sure]:
    """By how much each number is above the other's, of the same people: the interval is that of the difference."""

    def apart(both: Sequence[tuple[Sequence[Seen], Sequence[Seen]]]) -> dict[str, float]:
        one, other = (_numbers(some) for some in zip(*both, strict=True))
        return {name: one[name] - other[name] for name in one}

    return over_people(list(zip(ours, theirs, strict=True)), apart)


def _numbers(people: Sequence[Sequence[Seen]]) -> dict[str, float]:
    return numbers_of([one for noises in people for one in noises])


def _trained(asked: Asked, catalog: Catalog) -> bool:
    say = partial((problems if asked.quiet else console).print, markup=False, soft_wrap=True)
    planned, there = trainings_of(asked.variants), finished(catalog)
    todo = [one for one in planned if one.name not in there]
    say(f"{len(planned)} trainings, of which {len(planned) - len(todo)} are done; in {catalog.root}")
    for number, one in enumerate(todo, 1):
        say(f"Training {number} of {len(todo)}: {one.name}, {one.steps} steps on {one.data}")
        if not train(one, catalog, asked.profile, asked.quiet):
            return False
    return True


def _measured(asked: Asked, catalog: Catalog) -> dict[str, People]:
    bench = Bench(Path(catalog.root) / "measured", asked.people)
    each = [(variant, noise) for variant in asked.variants for noise in range(asked.noises)]
    todo = [one for one in each if not bench.known(*one)]
    with _moving(len(todo), asked.quiet) as moved:
        for number, (variant, noise) in enumerate(todo):
            moved(f"measuring {variant.name}, noise {noise + 1} of {asked.noises}", number)
            bench.seen(variant, noise)
    return {
        one.name: list(zip(*(bench.seen(one, noise) for noise in range(asked.noises)), strict=True))
        for one in asked.variants
    }


@contextmanager
def _moving(total: int, quiet: bool) -> Iterator:
    on = problems if quiet else console
    columns = (TextColumn("{task.completed:.0f}/{task.total:.0f}"), BarColumn(20), TimeElapsedColumn())
    shown = Progress(
        *columns, TextColumn("{task.description}"), console=on, transient=True, disable=not on.is_terminal
    )

    def moved(what: str, done: int) -> None:
        shown.update(task, completed=done, description=what)
        if not on.is_terminal:
            on.print(f"{done + 1} of {total}: {what}", markup=False, soft_wrap=True)

    with shown:
        task = shown.add_task("", total=total)
        yield moved
