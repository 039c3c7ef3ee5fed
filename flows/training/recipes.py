"""The trainings that can be asked for, their recipes by name, and how one is read from a .toml file."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from flows.errors import RecipeError
from models.weights.known import reference
from tasks.training.editor.recipe import LipRecipe, StructureRecipe, TextureRecipe
from tasks.training.recipe import GeneratorRecipe, Optimizer, SyncNetRecipe, TrainRecipe

FINE = Optimizer(kind="adamw", rate=1e-5, betas=(0.9, 0.999), weight_decay=0.01, warmup=500, decay=0.0)
"""The paper's: fine-tuning of a net that was trained before."""

FINE_EXPERT = FINE.model_copy(update={"rate": 5e-6, "warmup": 100})

EDITOR: dict[str, Any] = {
    "preset": "1b",
    "vae": "",
    "whisper": "",
    "text": reference("umt5"),
    "frames": 77,
    "stride": 77,
    "face_weight": 0.3,
    "lips_weight": 0.3,
    "companion_dropped": 0.1,
    "average_every": 10,
    "recompute": True,
    "compiled": True,
}
"""The paper's, in all phases (METHOD 7). 4,000 batches of 256 are its two epochs when no windows overlap."""
EXPERT: dict[str, Any] = EDITOR | {
    "steps": 1000,
    "batch": 64,
    "optimizer": FINE_EXPERT,
    "average": 0.99,
    "save_every": 100,
}

TRAININGS: dict[str, dict[str, TrainRecipe]] = {
    "generator": {
        "mini": GeneratorRecipe(),
        "paper": GeneratorRecipe(
            preset="1b",
            vae="",
            whisper="",
            text=reference("umt5"),
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
    "structure": {
        "mini": StructureRecipe(),
        "paper": StructureRecipe(
            **EDITOR, steps=4000, batch=256, alpha=4.0, optimizer=FINE, average=0.999, save_every=500
        ),
    },
    # Experts are refused without init, which no recipe can name: their settings are checked when it is there.
    "lip": {
        "mini": LipRecipe.model_construct(),
        "paper": LipRecipe.model_construct(**EXPERT, sync=reference("syncnet")),
    },
    "texture": {
        "mini": TextureRecipe.model_construct(),
        "paper": TextureRecipe.model_construct(
            **EXPERT, identity=reference("arcface"), clip=reference("clip")
        ),
    },
    "syncnet": {"mini": SyncNetRecipe()},
}
CALLED = {"structure": "structure editor", "lip": "lip expert", "texture": "texture expert"}
"""Kinds whose name alone says too little."""


def called(kind: str) -> str:
    """What is trained, in words."""
    return CALLED.get(kind, kind)


def recipe_of(kind: str, settings: Mapping[str, Any]) -> TrainRecipe:
    """The recipe that a training's row holds."""
    return type(next(iter(TRAININGS[kind].values()))).model_validate(settings)


def load_training(kind: str, name: str, overrides: Sequence[str] = ()) -> TrainRecipe:
    """A recipe by name or from a .toml file (optionally `base = "mini"`), with `field=value` on top."""
    tree = _read(kind, name)
    for text in overrides:
        _override(tree, text)
    try:
        return recipe_of(kind, tree)
    except ValidationError as error:
        lines = [f"  {_sentence(one)}" for one in error.errors()]
        raise RecipeError(
            f"recipe {name!r} of a {called(kind)} has settings that don't fit:\n" + "\n".join(lines)
        ) from None


def _sentence(wrong: ErrorDetails) -> str:
    """One setting by its name, and what was given; settings that don't fit one another in the recipe's own words."""
    if not wrong["loc"]:
        return wrong["msg"].removeprefix("Value error, ")
    return f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']} (got {wrong['input']!r})"


def _read(kind: str, name: str) -> dict[str, Any]:
    known = TRAININGS[kind]
    if name in known:
        return known[name].model_dump(mode="json")
    path = Path(name)
    if path.suffix != ".toml":
        raise RecipeError(
            f"there is no recipe {name!r}{_close(name, known)} of a {called(kind)}; there are: {', '.join(known)}, or a "
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
