"""Reads a recipe by its name or from a .toml file, with single settings on top; says what is wrong with one."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from flows.environment import RECIPE
from flows.errors import RecipeError
from flows.recipes import RECIPES, SETTINGS, R, Recipe, WorldRecipe


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
        _override(tree, text)
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise RecipeError(_explain(name, error)) from None


def _read_tree(name: str) -> dict[str, Any]:
    if name in RECIPES:
        return RECIPES[name].model_dump()
    path = Path(name)
    if path.suffix != ".toml":
        raise RecipeError(
            f"there is no recipe {name!r}{_close(name, RECIPES)}; there are: {', '.join(RECIPES)}, or a .toml file"
        )
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path} can't be read as a recipe: {error}") from None
    tree = _read_tree(own.pop("base", RECIPE))
    for stage, settings in own.items():
        tree[stage] = {**_settings(tree, stage), **settings} if isinstance(settings, dict) else settings
    return tree


def _override(tree: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    stage, dot, field = key.strip().partition(".")
    given = yaml.safe_load(value)
    if not equals or not (dot or isinstance(given, bool)):
        raise RecipeError(
            "--set takes stage.field=value (for example verdict.min_sharpness=8), or stage=on or stage=off "
            f"for a stage that may be left out, not {text!r}"
        )
    if stage not in tree:
        raise RecipeError(
            f"there is no stage {stage!r}{_close(stage, tree)} here; there are: {', '.join(tree)}"
        )
    if not dot:
        tree[stage] = given
        return
    known = SETTINGS[stage].model_fields
    if field not in known:
        raise RecipeError(
            f"{stage} has no setting {field!r}{_close(field, known)}; it has: {', '.join(known)}"
        )
    tree[stage] = {**_settings(tree, stage), field: given}


def _settings(tree: Mapping[str, Any], stage: str) -> Mapping[str, Any]:
    """What is set so far; of a stage that is left out, nothing: whoever sets one of its fields wants it."""
    have = tree.get(stage)
    return have if isinstance(have, dict) else {}


def _close(word: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(word, list(known), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _explain(name: str, error: ValidationError) -> str:
    lines = [f"  {'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})" for e in error.errors()]
    return f"recipe {name!r} has settings that don't fit:\n" + "\n".join(lines)
