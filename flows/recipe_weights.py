"""Which weights a recipe loads, by their references, and which of them know nothing but the procedural world."""

from collections.abc import Iterable
from typing import Any

from models.weights.about import about, knows_only_the_world
from models.weights.known import find
from models.weights.references import PACKAGES, STORES, ModelError, resolve
from models.weights.several import several

SCHEMES = ("mini:", "run:", "own:", "hf://", "https://", "http://", *PACKAGES, *STORES)


def references_of(recipe: Any) -> list[str]:
    """Of all its stages, each once."""
    return list(dict.fromkeys(one for config in recipe.configs().values() for one in references_in(config)))


def references_in(config: Any) -> list[str]:
    """Of one stage: what is written as a reference, and whatever a field called `..._model` holds."""
    return [
        reference
        for field, value in config.model_dump().items()
        if isinstance(value, str) and (value.startswith(SCHEMES) or field.endswith("model"))
        for reference in several(value)
    ]


def of_the_world(references: Iterable[str]) -> list[str]:
    """Those whose weights say that they learnt from the procedural world alone. Of others nothing is assumed."""
    return [one for one in dict.fromkeys(references) if _knows_only_the_world(one)]


def _knows_only_the_world(reference: str) -> bool:
    shipped = reference.startswith("mini:")
    if not shipped and find(reference):  # published by others, and it may be gigabytes
        return False
    try:
        return knows_only_the_world(about(resolve(reference)))
    except ModelError:  # not here: whoever loads it is told so
        return False
