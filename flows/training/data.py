"""Finds what a training learns from: a version of the catalog, or people of the procedural world.

v3                        the clips, or for an editor the pairs, of a published version
world:people=1600         rendered people, strangers to nobody, made here when they are missing
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.environment import DATA
from flows.errors import RecipeError
from models.mini.editor.corpus import PairPlan, WorldPairs
from models.mini.generator.corpus import Plan, WorldWindows
from models.mini.generator.people import BEGINS
from models.mini.syncnet.windows import WorldLips, WorldPlan
from models.sync.net import PRESETS
from storage.ledger.catalog import Catalog
from storage.versions.version import latest_version, load_version
from tasks.training.clip_windows import ClipWindows
from tasks.training.editor.pair_windows import ClipPairs
from tasks.training.editor.recipe import EditorRecipe, ExpertRecipe, LipRecipe
from tasks.training.objective import Windows
from tasks.training.recipe import DitRecipe, GeneratorRecipe, SyncNetRecipe, TrainRecipe
from tasks.training.sync_windows import SyncWindows

WORLD = re.compile(r"world:people=(\d+)(,whole)?")
"""How many people; `whole` masks whole faces, where else masks begin at the nose (facemask.begins)."""
MOST_PEOPLE = 100_000


@dataclass(frozen=True)
class Data:
    """What is learned from, and what is to be said of it."""

    name: str
    windows: Windows
    digest: str = ""
    licences: tuple[str, ...] = ()
    prepare: Callable[[int, Callable[[int, int], None]], None] | None = field(default=None, repr=False)
    """Makes what is missing with so many processes; told how many of how many are there."""

    @property
    def about(self) -> str:
        """In a sentence, for the header of weights."""
        where = "the procedural world" if self.name.startswith("world:") else f"dataset version {self.digest}"
        return f"{self.name} ({where}), {len(self.windows)} windows"


def find_data(catalog: Catalog, name: str, recipe: TrainRecipe) -> Data:
    """Refuses what is not there, in a sentence."""
    check_networks_named(recipe, name)
    if name.startswith("world:"):
        return _world(name, recipe)
    version = load_version(catalog, name)[0] if name else latest_version(catalog)
    if version is None:
        raise RecipeError(
            f"{catalog.root} has no version to train on: `redub rebuild` publishes one, or give --on world:people=400"
        )
    manifest: Any = version.manifest
    where = (catalog, version.tag, recipe.split, recipe.frames, recipe.stride)
    windows: Windows
    if isinstance(recipe, SyncNetRecipe):
        windows = SyncWindows(*where, PRESETS[recipe.preset])
    elif isinstance(recipe, EditorRecipe):
        faces, heard = isinstance(recipe, ExpertRecipe), isinstance(recipe, LipRecipe)
        windows = ClipPairs(*where, vae=recipe.vae, points=faces, mfcc=heard)
    else:
        assert isinstance(recipe, GeneratorRecipe)
        windows = ClipWindows(*where, vae=recipe.vae)
    return Data(version.tag, windows, manifest["content"], tuple(manifest["licences"]))


def check_networks_named(recipe: TrainRecipe, data: str) -> None:
    """Refuses a recipe without them. A version's rows say by themselves what heard them; people of the world don't."""
    roles = ("vae", "whisper") if data.startswith("world:") else ("vae",)
    for role in roles if isinstance(recipe, DitRecipe) else ():
        if not getattr(recipe, role):
            raise RecipeError(
                f"the recipe names no {role}: give --set {role}=REFERENCE (`redub models list`)"
            )


def _world(name: str, recipe: TrainRecipe) -> Data:
    found = WORLD.fullmatch(name)
    people = int(found[1]) if found else 0
    if not 1 <= people <= MOST_PEOPLE:
        raise RecipeError(
            f"{name!r} names no people of the world; give world:people=400 (1 to {MOST_PEOPLE:,}), or "
            "world:people=400,whole for masks of whole faces"
        )
    if isinstance(recipe, SyncNetRecipe):
        return _talking(name, WorldPlan(people, sizes=PRESETS[recipe.preset]), recipe)
    if not isinstance(recipe, DitRecipe) or recipe.frames != 25:
        raise RecipeError(f"{name} has windows of 25 frames, and no others; set frames=25, or give a version")
    whole = bool(found and found[2])
    if isinstance(recipe, EditorRecipe):
        return _pairs(name, people, whole, recipe)
    begins = None if whole else BEGINS
    plan = Plan(people, begins=begins, vae=recipe.vae, whisper=recipe.whisper)
    windows = WorldWindows(plan, Path(DATA) / "windows")
    return Data(name, windows, windows.plan.digest, ("Apache-2.0",), windows.make)


def _pairs(name: str, people: int, whole: bool, recipe: EditorRecipe) -> Data:
    if whole:
        raise RecipeError(
            f"companions of the world are painted below the nose alone, not in whole faces; give world:people={people}"
        )
    windows = WorldPairs(PairPlan(people, vae=recipe.vae, whisper=recipe.whisper), Path(DATA) / "windows")
    return Data(name, windows, windows.plan.digest, ("Apache-2.0",), windows.make)


def _talking(name: str, plan: WorldPlan, recipe: SyncNetRecipe) -> Data:
    if recipe.frames > plan.frames:
        raise RecipeError(
            f"people of {name} talk for {plan.frames} frames, and frames is {recipe.frames}; set fewer, or give a version"
        )
    windows = WorldLips(plan, recipe.frames, recipe.stride, Path(DATA) / "windows")
    return Data(name, windows, plan.digest, ("Apache-2.0",), windows.make)
