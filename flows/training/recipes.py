"""The trainings that can be asked for, their recipes by name, and how one is read from a .toml file."""

import difflib
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from flows.errors import RecipeError
from tasks.training.recipe import GeneratorRecipe, Optimizer, SyncNetRecipe, TrainRecipe

FINE = Optimizer(kind="adamw", rate=1e-5, betas=(0.9, 0.999), weight_decay=0.01, warmup=500, decay=0.0)
"""The paper's: fine-tuning of a net that was trained before."""

TRAININGS: dict[str, dict[str, TrainRecipe]] = {
    "generator": {
        "mini": GeneratorRecipe(),
        "paper": GeneratorRecipe(
            preset="1b",
            vae="",
            whisper="",
            steps=15_000,
            batch=256,
            alpha=4.0,
            face_weight=0.3,
            lips_weight=0.3,
            optimizer=FINE,
            average=0.9999,
            average_every=10,
            save_every=500,
            recompute=True,
            compiled=True,
        ),
    },
    "syncnet": {"mini": SyncNetRecipe()},
}


def load_training(kind: str, name: str, overrides: Sequence[str] = ()) -> TrainRecipe:
    """A recipe by name or from a .toml file (optionally `base = "mini"`), with `field=value` on top."""
    tree = _read(kind, name)
    for text in overrides:
        _override(tree, text)
    try:
        return type(next(iter(TRAININGS[kind].values()))).model_validate(tree)
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, one['loc']))}: {one['msg']} (got {one['input']!r})"
            for one in error.errors()
        ]
        raise RecipeError(
            f"recipe {name!r} of a {kind} has settings that don't fit:\n" + "\n".join(lines)
        ) from None


def _read(kind: str, name: str) -> dict[str, Any]:
    known = TRAININGS[kind]
    if name in known:
        return known[name].model_dump(mode="json")
    path = Path(name)
    if path.suffix != ".toml":
        raise RecipeError(
            f"there is no recipe {name!r}{_close(name, known)} of a {kind}; there are: {', '.join(known)}, or a "
            ".toml file"
        )
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path} can't be read as a recipe: {error}") from None
    tree = _read(kind, own.pop("base", "mini"))
    for field, value in own.items():
        tree[field] = {**tree.get(field, {}), **value} if isinstance(value, dict) else value
    return tree


def _override(tree: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    *groups, field = key.strip().split(".")
    if not equals:
        raise RecipeError(
            f"--set takes field=value (for example steps=500, or optimizer.rate=1e-4), not {text!r}"
        )
    for group in groups:
        if not isinstance(tree.get(group), dict):
            raise RecipeError(f"this recipe has no group {group!r}; it has: {', '.join(tree)}")
        tree = tree[group]
    if field not in tree:
        raise RecipeError(
            f"this recipe has no setting {field!r}{_close(field, tree)}; it has: {', '.join(tree)}"
        )
    tree[field] = _number(yaml.safe_load(value))


def _number(value: Any) -> Any:
    """YAML reads 1e-4 as a word."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _close(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""
