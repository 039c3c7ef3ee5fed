"""Reads a recipe by its name or from a .toml file, with single settings on top; says what is wrong with one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flows.environment import RECIPE
from flows.errors import RecipeError
from flows.recipes import RECIPES, SETTINGS, R, Recipe, Stages, WorldRecipe
from flows.settings_given import base_of, close, read_toml, sentences, value_of


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """A built-in recipe or a .toml file (optionally `base = "full"`), with `stage.field=value` on top."""
    return _build(Recipe, name, _read_tree(name), overrides)


def name_of(recipe: str, overrides: Sequence[str]) -> str:
    """What a recipe is called in runs and manifests: by its name, and by what was changed in it."""
    changed = f"{len(overrides)} settings" if len(overrides) > 1 else "".join(overrides)
    return f"{recipe} + {changed}" if changed else recipe


def load_world(overrides: Sequence[str] = ()) -> WorldRecipe:
    """How takes are rendered, with `render.field=value` on top."""
    return _build(WorldRecipe, "world", WorldRecipe().model_dump(), overrides)


def _build(kind: type[R], name: str, tree: dict[str, Any], overrides: Sequence[str]) -> R:
    for text in overrides:
        _override(tree, text, kind)
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        lines = "".join(f"\n  {one}" for one in sentences(error, kind))
        raise RecipeError(f"recipe {name!r} has settings that don't fit:{lines}") from None


def _read_tree(name: str, readers: tuple[str, ...] = ()) -> dict[str, Any]:
    """`readers` are the files that this one is the base of."""
    if name in RECIPES:
        return RECIPES[name].model_dump()
    path = Path(name)
    if path.suffix != ".toml":
        raise RecipeError(
            f"there is no recipe {name!r}{close(name, RECIPES)}; there are: {', '.join(RECIPES)}, or a .toml file"
        )
    own = read_toml(path)
    base = base_of(own, RECIPE, (*readers, name))
    tree = _read_tree(base, (*readers, name))
    for stage, settings in own.items():
        tree[stage] = {**_settings(tree, stage), **settings} if isinstance(settings, dict) else settings
    return tree


def _override(tree: dict[str, Any], text: str, kind: type[Stages]) -> None:
    key, equals, value = text.partition("=")
    stage, dot, field = key.strip().partition(".")
    given = value_of(key.strip(), value)
    if not equals or not (dot or isinstance(given, bool)):
        raise RecipeError(
            "--set takes stage.field=value (for example verdict.min_sharpness=8), or stage=on or stage=off "
            f"for a stage that may be left out, not {text!r}"
        )
    if stage not in kind.model_fields:
        raise RecipeError(
            f"there is no stage {stage!r}{close(stage, kind.model_fields)} here; there are: {', '.join(kind.model_fields)}"
        )
    if not dot:
        tree[stage] = given
        return
    known = SETTINGS[stage].model_fields
    if field not in known:
        raise RecipeError(
            f"{stage} has no setting {field!r}{close(field, known)}; it has: {', '.join(known)}"
        )
    tree[stage] = {**_settings(tree, stage), field: given}


def _settings(tree: Mapping[str, Any], stage: str) -> Mapping[str, Any]:
    """What is set so far; of a stage that is left out, nothing: whoever sets one of its fields wants it."""
    have = tree.get(stage)
    return have if isinstance(have, dict) else {}
