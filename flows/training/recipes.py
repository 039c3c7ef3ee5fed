"""The trainings that can be asked for, their recipes by name, and how one is read from a .toml file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flows.errors import RecipeError
from flows.settings_given import base_of, close, read_toml, sentences, value_of
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
    return model_of(kind).model_validate(settings)


def model_of(kind: str) -> type[TrainRecipe]:
    """What the recipes of a kind are made of."""
    return type(next(iter(TRAININGS[kind].values())))


def load_training(kind: str, name: str, overrides: Sequence[str] = ()) -> TrainRecipe:
    """A recipe by name or from a .toml file (optionally `base = "mini"`), with `field=value` on top."""
    tree = _read(kind, name)
    for text in overrides:
        _override(tree, text)
    try:
        return recipe_of(kind, tree)
    except ValidationError as error:
        lines = [f"  {one}" for one in sentences(error, model_of(kind))]
        raise RecipeError(
            f"recipe {name!r} of a {called(kind)} has settings that don't fit:\n" + "\n".join(lines)
        ) from None


def _read(kind: str, name: str, readers: tuple[str, ...] = ()) -> dict[str, Any]:
    known = TRAININGS[kind]
    if name in known:
        return known[name].model_dump(mode="json")
    path = Path(name)
    if path.suffix != ".toml":
        raise RecipeError(
            f"there is no recipe {name!r}{close(name, known)} of a {called(kind)}; there are: {', '.join(known)}, or a "
            ".toml file"
        )
    own = read_toml(path)
    tree = _read(kind, base_of(own, "mini", (*readers, name)), (*readers, name))
    for field, value in own.items():
        there = tree.get(field)
        tree[field] = {**there, **value} if isinstance(there, dict) and isinstance(value, dict) else value
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
            f"this recipe has no setting {field!r}{close(field, tree)}; it has: {', '.join(tree)}"
        )
    tree[field] = value_of(key.strip(), value)
