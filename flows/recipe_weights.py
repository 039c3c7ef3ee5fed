"""Which weights a recipe loads, by their references."""

from typing import Any

SCHEMES = ("mini:", "run:", "own:", "hf://", "https://", "http://", "pypi:", "npm:")


def references_of(recipe: Any) -> list[str]:
    """Of all its stages, each once."""
    return list(dict.fromkeys(one for config in recipe.configs().values() for one in references_in(config)))


def references_in(config: Any) -> list[str]:
    """Of one stage: what is written as a reference, and whatever a field called `..._model` holds."""
    return [
        value
        for field, value in config.model_dump().items()
        if isinstance(value, str) and value and (value.startswith(SCHEMES) or field.endswith("model"))
    ]
