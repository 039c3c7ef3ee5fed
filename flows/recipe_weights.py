"""Which weights a recipe loads, by their references."""

from typing import Any

from models.weights.several import several

SCHEMES = ("mini:", "run:", "own:", "hf://", "https://", "http://")


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
