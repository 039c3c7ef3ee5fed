"""Whether a recipe's models know the footage: those that learnt from the procedural world know nothing else.

    found = unsuited(stages, listing, store)      # None: nothing is wrong, as far as is known
    refuse(found, "world")                        # says what is wrong and what to do
    check_not_the_world(stages, listing, store)   # the other way round: drawn faces, and models of real ones

Videos of the world say that they are (storage/media/renderer.py), and weights say what they learnt from
(models/weights/about.py). Weights that say nothing of it are nobody's business here.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NoReturn

from flows.errors import FootageRefused
from flows.recipe_weights import of_the_world, references_of
from flows.recipes import RECIPES
from storage.media.renderer import PIECE, WORLD, renderer_of
from storage.sources import Listing, Source
from storage.store import Store
from tasks.stage import Stage

ENOUGH = 100
"""Sources of another kind, after which no more are looked at: a million of them are refused as soon as ten."""
AT_ONCE = 16
"""Files that are read side by side: an object store answers late."""
NAMED = 3
FEW = 8
"""Sources that tell whether all are of the world."""


@dataclass(frozen=True)
class Unsuited:
    """Footage that isn't the world's, and models that know the world alone."""

    models: tuple[str, ...]
    sources: tuple[Source, ...]
    of: int
    """How many are listed."""
    whole: bool
    """Whether all were looked at."""

    @property
    def ids(self) -> frozenset[str]:
        """By which their rows are found."""
        return frozenset(source.id for source in self.sources)


def unsuited(
    stages: Mapping[str, Stage], listing: Listing, store: Store, every: bool = False
) -> Unsuited | None:
    """Looks at the sources, if any model knows the world alone; `every`: beyond what is enough to refuse them."""
    models = of_the_world(one for stage in stages.values() for one in stage.weights())
    if not models:
        return None
    found: list[Source] = []
    looked = 0
    for source in _of_others(listing.sources, store):
        looked += 1
        found += [source] if source else []
        if len(found) == ENOUGH and not every:
            break
    whole = looked == len(listing.sources)
    return Unsuited(tuple(models), tuple(found), len(listing.sources), whole) if found else None


def check_not_the_world(stages: Mapping[str, Stage], listing: Listing, store: Store) -> None:
    """Raises where models that nobody has shown the procedural world are to look at it: at the first few sources."""
    models = [one for stage in stages.values() for one in stage.weights()]
    if not models or of_the_world(models):
        return
    renderers = [_renderer(source, store) for source in listing.sources[:FEW]]
    if WORLD in renderers and set(renderers) <= {WORLD, None}:
        raise FootageRefused(
            f"{listing.sources[renderers.index(WORLD)].uri} and its like are people of redub's procedural world, of whom "
            "models of real faces know nothing: use --recipe world, or say with --anyway REASON why not"
        )


def _of_others(sources: Sequence[Source], store: Store) -> Iterator[Source | None]:
    """Each source, or None in its place where it is of the world, or no video."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for at in range(0, len(sources), ENOUGH):
            some = sources[at : at + ENOUGH]
            renderers = pool.map(lambda source: _renderer(source, store), some)
            yield from (s if r not in (WORLD, None) else None for s, r in zip(some, renderers, strict=True))


def _renderer(source: Source, store: Store) -> str | None:
    try:
        files, path = store.filesystem(source.uri)
        with files.open(path, "rb", block_size=PIECE) as file:  # else an object store sends megabytes
            return renderer_of(file)
    except (OSError, ValueError, ImportError):  # the stage `probe` finds the same, and says it of this source
        return None


def refuse(found: Unsuited, recipe: str) -> NoReturn:
    """Raises what is wrong and what can be done."""
    raise FootageRefused(f"{said(found, recipe)}; {remedy()}")


def said(found: Unsuited, recipe: str) -> str:
    """What is wrong, as most of a sentence."""
    count = f"{len(found.sources):,}" if found.whole else f"{len(found.sources):,} or more"
    first = ", ".join(source.uri for source in found.sources[:NAMED])
    more = ", ..." if len(found.sources) > NAMED or not found.whole else ""
    return (
        f"recipe {recipe} looks at faces with models that know only redub's procedural world ({_listed(found.models)}), "
        f"and {count} of {found.of:,} sources are other footage ({first}{more}): what they would say of it is nonsense"
    )


def remedy() -> str:
    """The rest of the sentence."""
    suited = [name for name, one in RECIPES.items() if not of_the_world(references_of(one))]
    return (
        f"use --recipe {' or '.join(suited)}, name other weights for these models, or say with --anyway REASON why it is "
        "to be computed all the same"
    )


def _listed(models: Sequence[str]) -> str:
    more = len(models) - NAMED
    return ", ".join(models[:NAMED]) + (f" and {more} more" if more > 0 else "")
