"""Short trainings of each phase."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.dit.config import DitConfig
from models.mini.editor.corpus import WorldPairs
from tasks.training.editor.recipe import EditorRecipe, LipRecipe, StructureRecipe, TextureRecipe
from tasks.training.job import Job

STEPS = 3
PHASES: dict[str, type[EditorRecipe]] = {
    "structure": StructureRecipe,
    "lip": LipRecipe,
    "texture": TextureRecipe,
}


def recipe_of(phase: str, editor: Path, **changes: Any) -> EditorRecipe:
    """A recipe of three steps."""
    settings: dict[str, Any] = {"steps": STEPS, "batch": 1, "save_every": 1, "seed": 5, "init": str(editor)}
    return PHASES[phase](**(settings | changes))


def job_of(phase: str, editor: Path, folder: Path, pairs: WorldPairs, **changes: Any) -> Job:
    return Job(phase, recipe_of(phase, editor, **changes), pairs, str(folder), {"licence": "Apache-2.0"})


def described(config: DitConfig) -> dict[str, str]:
    """The header of such a net's file."""
    return {"about": json.dumps({"dit": json.dumps(asdict(config))})}
