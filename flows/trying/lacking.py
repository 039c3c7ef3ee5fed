"""Says at once what a recipe lacks on this machine, and the one command that gets it."""

import importlib.util
import shlex
from collections.abc import Mapping, Sequence

from flows.errors import RecipeError
from flows.recipe_weights import references_of
from flows.recipes import Recipe
from models.weights.errors import ModelError
from models.weights.known import find
from models.weights.references import parse, resolve, without_digest
from tasks.stage import Stage

NAMED = 4


def check_complete(recipe: Recipe, stages: Mapping[str, Stage], name: str, overrides: Sequence[str]) -> None:
    """ModelError or RecipeError says what is missing, all of it in one sentence."""
    away = [one for one in references_of(recipe) if _to_be_pulled(one)]
    if away:
        raise ModelError(
            f"recipe {name} needs {_weights(away)}; get {'it' if len(away) == 1 else 'them'} once with "
            f"`{shlex.join(['redub', 'models', 'pull', '--recipe', name, *_settings(overrides)])}`"
        )
    packages = {package: how for one in stages.values() for package, how in one.packages().items()}
    for package, how in packages.items():
        if importlib.util.find_spec(package) is None:
            raise RecipeError(
                f"recipe {name} needs the Python package {package}, which is not installed: {how}"
            )


def _to_be_pulled(reference: str) -> bool:
    """Not here, and somebody has it; what is nowhere is told by whoever loads it."""
    try:
        resolve(reference)
    except ModelError:
        return parse(reference) is not None
    return False


def _weights(away: Sequence[str]) -> str:
    known = [find(one) for one in away]
    names = [one.name if one else without_digest(ref) for ref, one in zip(away, known, strict=True)]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    size = sum(one.size or 0 for one in known if one) / 1e6
    noun = "a model that is" if len(away) == 1 else f"{len(away)} models that are"
    return f"{noun} not here ({', '.join(names[:NAMED])}{more}; {size:,.0f} MB)"


def _settings(overrides: Sequence[str]) -> list[str]:
    return [word for text in overrides for word in ("--set", text)]
