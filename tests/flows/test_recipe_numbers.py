"""Every number of a recipe, a training and a profile has both ends, and what lies outside is refused when it is read."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from flows.recipes import SETTINGS, STAGES, Recipe, WorldRecipe
from flows.settings_given import sentences
from flows.training.recipes import TRAININGS, model_of
from infra.number_ranges import ANY, Range, ranges
from infra.profiles import Profile

MODELS = [Recipe, WorldRecipe, Profile, *map(model_of, TRAININGS)]
EXPERT = {"init": "run:somebody"}
"""Without which an expert is refused before its numbers are looked at."""


def numbers() -> Iterator[Any]:
    for model in MODELS:
        for name, reach in ranges(model).items():
            yield pytest.param(model, name, reach, id=f"{model.__name__}.{name}")


def tree_of(model: type[BaseModel], name: str, value: Any) -> dict[str, Any]:
    """Settings in which this number alone is set."""
    tree: Any = value
    for part in reversed(name.split(".")):
        whole = {"train": tree} if part == ANY and "shares" in name else [tree]
        tree = [tree, tree] if part.isdecimal() else whole if part == ANY else {part: tree}
    return {
        **({"name": "mine"} if model is Profile else {}),
        **(EXPERT if "part" in model.model_fields else {}),
        **tree,
    }


def outside(reach: Range) -> tuple[Any, ...]:
    below = reach.above if reach.least is None else reach.least - 1
    above = reach.below if reach.most is None else reach.most + 1
    return math.nan, math.inf, -math.inf, below, above


@pytest.mark.parametrize(("model", "name", "reach"), numbers())
def test_a_number_has_two_ends_and_nothing_outside_is_taken(
    model: type[BaseModel], name: str, reach: Range
) -> None:
    assert reach.whole, f"{name} goes {reach.words}: give its field both ends (tasks/ranges.py)"
    for value in outside(reach):
        with pytest.raises(ValidationError) as refused:
            model.model_validate(tree_of(model, name, value))
        said = "\n".join(sentences(refused.value, model))
        assert name.split(".")[0] in said
        assert reach.words in said, said


def test_every_stage_is_looked_at() -> None:
    stages = {name.partition(".")[0] for model in (Recipe, WorldRecipe) for name in ranges(model)}
    without = {name for name in STAGES if not ranges(STAGES[name].Config)}
    assert stages | without == set(SETTINGS)
    assert "speakers.shares.*" in ranges(Recipe)  # inside mappings as well
    assert "optimizer.betas.1" in ranges(model_of("generator"))
