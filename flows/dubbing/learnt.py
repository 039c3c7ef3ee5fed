"""Says how to sample what a training made: as the weights say themselves, else as the training's recipe implies."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from models.dubbing.request import Settings
from models.dubbing.suited import SAMPLING, settings_of
from models.weights.about import about
from models.weights.references import resolve


def settings_for(reference: str, recipe: Mapping[str, Any], **given: Any) -> Settings:
    """What is given counts most (None is not given), then what the weights say; `recipe` is empty where none is known."""
    implied = {} if SAMPLING in about(resolve(reference)) else _implied(recipe)
    changed = implied | {name: value for name, value in given.items() if value is not None}
    return replace(settings_of(reference), **changed)


def _implied(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Clips as long as those it learnt on. What it always saw is not guided: it doesn't know being without."""
    if "frames" not in recipe:
        return {}
    seen = {"reference": 0.0} if not recipe.get("companion_dropped") else {}
    motion = {"motion": 4 * recipe["motion"] - 3} if recipe.get("motion") else {}
    return {"clip": recipe["frames"], **motion, **seen}
