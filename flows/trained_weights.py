"""References to trainings in recipes: where a process finds their weights, and which step they mean from now on.

use_runs(catalog)                       # run:NAME is now a training of this catalog
recipe = pinned(catalog, recipe)        # run:NAME -> run:NAME@1200, so that a training that goes on changes nothing
bring(catalog, references)              # from an object store; local ones are read where they lie
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from models.weights.digests import digest
from models.weights.references import cache
from models.weights.runs import RUN, RUNS, pin, split_run
from storage.ledger.catalog import Catalog
from storage.trainings.names import runs_uri, step_folder
from storage.trainings.reading import checkpoint_named
from storage.trainings.weights import bring_weights

M = TypeVar("M", bound=BaseModel)


def use_runs(catalog: Catalog) -> None:
    """In this process, and those that it starts."""
    os.environ[RUNS] = str(_mirror(catalog)) if "://" in catalog.root else runs_uri(catalog)


def pinned(catalog: Catalog, settings: M) -> M:
    """The same settings with a step in every reference to a training, whose weights are then on this machine."""
    use_runs(catalog)
    tree = settings.model_dump()
    named = sorted(set(_references(tree)))
    if not named:
        return settings
    steps = {one: pinned_reference(catalog, one) for one in named}
    return type(settings).model_validate(_replaced(tree, steps))


def pinned_reference(catalog: Catalog, reference: str) -> str:
    """`run:NAME@STEP` for a training's, with the weights on this machine; any other reference as it is."""
    if not reference.startswith(RUN):
        return reference
    use_runs(catalog)
    if "://" not in catalog.root:
        return pin(reference)
    name, which = split_run(reference)
    found = f"{RUN}{name}@{checkpoint_named(catalog, name, which).step}"
    bring(catalog, [found])
    return found


def bring(catalog: Catalog, references: Iterable[str]) -> None:
    """Makes pinned references of an object store's catalog files of this machine, in the models' cache."""
    use_runs(catalog)
    if "://" not in catalog.root:
        return
    for name, which in (split_run(one) for one in references if one.startswith(RUN)):
        place = _mirror(catalog) / name / step_folder(int(which))
        if not place.exists():
            _point(place, bring_weights(catalog, checkpoint_named(catalog, name, which), cache() / "trained"))


def parent_of(reference: str) -> str:
    """A reference and the digest of what is behind it, as a training's row holds it."""
    return f"{reference} {digest(reference)}"


def _mirror(catalog: Catalog) -> Path:
    """Two catalogs may have trainings of one name."""
    return cache() / "trainings" / hashlib.blake2b(catalog.root.encode(), digest_size=8).hexdigest()


def _point(place: Path, at: Path) -> None:
    """A link that is there or not, whoever else makes it at the same time."""
    place.parent.mkdir(parents=True, exist_ok=True)
    link = place.with_name(f".{place.name}.{os.getpid()}")
    link.unlink(missing_ok=True)
    link.symlink_to(at)
    link.replace(place)


def _references(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        return [one for value in tree.values() for one in _references(value)]
    if isinstance(tree, (list, tuple)):
        return [one for value in tree for one in _references(value)]
    return [tree] if isinstance(tree, str) and tree.startswith(RUN) else []


def _replaced(tree: Any, steps: dict[str, str]) -> Any:
    if isinstance(tree, dict):
        return {name: _replaced(value, steps) for name, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_replaced(value, steps) for value in tree)
    return steps.get(tree, tree) if isinstance(tree, str) else tree
