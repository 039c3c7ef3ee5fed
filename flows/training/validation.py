"""Chooses what a training is looked at with: people of the world for those on the world, else clips held out."""

from typing import Any

from flows.environment import DATA
from flows.training.data import Data
from models.dubbing.request import Settings
from models.dubbing.suited import MINI_SAMPLING
from models.mini.shards import SHARD
from models.mini.syncnet.windows import WorldLips, WorldPlan
from models.sync.net import PRESETS
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.versions.version import load_version
from tasks.training.clip_validation import ClipValidator
from tasks.training.clip_windows import ClipWindows
from tasks.training.editor.pair_validation import PairValidator
from tasks.training.editor.pair_windows import ClipPairs
from tasks.training.editor.recipe import EditorRecipe
from tasks.training.editor.world_validation import WorldPairValidator
from tasks.training.mouths import Looks
from tasks.training.objective import Validator
from tasks.training.recipe import GeneratorRecipe, SyncNetRecipe, TrainRecipe
from tasks.training.sync_validation import SyncValidator
from tasks.training.sync_windows import SyncWindows
from tasks.training.version_windows import VersionWindows
from tasks.training.world_validation import FIRST, WorldValidator

SPLITS = ("val", "test")
"""The first that has clips is looked at."""


def find_validator(catalog: Catalog, data: Data, recipe: TrainRecipe) -> tuple[Validator | None, str]:
    """Returns the validator, or none and why."""
    if isinstance(recipe, EditorRecipe) and data.name.startswith("world:"):
        who = (recipe.validate_on, recipe.vae, recipe.whisper)
        return WorldPairValidator(*who, settings=_sampling(recipe)), ""
    if isinstance(recipe, SyncNetRecipe) and data.name.startswith("world:"):
        return _strangers(recipe), ""
    if isinstance(recipe, GeneratorRecipe) and data.name.startswith("world:"):
        return WorldValidator(recipe.validate_on, recipe.vae, recipe.whisper), ""
    manifest: Any = load_version(catalog, data.name)[0].manifest
    held_out = [split for split in SPLITS if manifest["splits"].get(split) and split != recipe.split]
    if not held_out:
        return None, f"{data.name} has no clips in split {' or '.join(SPLITS)}: nothing is validated"
    try:
        if isinstance(recipe, SyncNetRecipe):
            sizes = PRESETS[recipe.preset]
            lips = SyncWindows(catalog, data.name, held_out[0], recipe.frames, recipe.stride, sizes)
            return SyncValidator(lips, sizes, recipe.validate_on), ""
        if isinstance(recipe, EditorRecipe):
            where = (data.name, held_out[0], recipe.frames, recipe.stride)
            pairs = ClipPairs(catalog, *where, recipe.vae, relit=False)
            return _of_pairs(pairs, recipe), ""
        assert isinstance(recipe, GeneratorRecipe)
        windows = ClipWindows(catalog, data.name, held_out[0], recipe.frames, recipe.stride, recipe.vae)
    except StorageError as error:
        return None, f"nothing is validated: {error}"
    return ClipValidator(windows, recipe.vae, recipe.validate_on, _looks(windows), text=recipe.text), ""


def _of_pairs(pairs: ClipPairs, recipe: EditorRecipe) -> PairValidator:
    who = (recipe.vae, recipe.validate_on, _looks(pairs))
    return PairValidator(pairs, *who, text=recipe.text, settings=_sampling(recipe))


def _sampling(recipe: EditorRecipe) -> Settings:
    """As the mini editor is sampled, or as the public checkpoint is."""
    return MINI_SAMPLING if recipe.preset == "mini" else Settings(clip=recipe.frames)


def _strangers(recipe: SyncNetRecipe) -> SyncValidator:
    sizes = PRESETS[recipe.preset]
    plan = WorldPlan(people=SHARD, first=FIRST, sizes=sizes)
    return SyncValidator(
        WorldLips(plan, recipe.frames, recipe.stride, DATA / "windows"), sizes, recipe.validate_on
    )


def _looks(windows: VersionWindows) -> Looks:
    """The networks that saw the version's faces. The mini SyncNet knows only faces of the procedural world."""
    saw = windows.config("ingest")
    sync = "mini:syncnet" if saw["face"] == "mini" else ""
    return Looks(saw["face"], saw["face_model"], saw["identity_model"], sync)
