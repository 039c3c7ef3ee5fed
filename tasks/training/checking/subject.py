"""Says what is checked: a training that is about to start, and what it learns from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra.profiles import Profile
from models.dit.config import DitConfig
from models.dit.presets import PRESETS, stacked
from storage.ledger.catalog import Catalog
from tasks.training.editor.recipe import EditorRecipe, ExpertRecipe
from tasks.training.editor.structure import config_of
from tasks.training.job import Job
from tasks.training.objective import Windows
from tasks.training.recipe import GeneratorRecipe


@dataclass(frozen=True)
class Subject:
    """A training that is about to start."""

    job: Job
    profile: Profile
    licences: Mapping[str, Mapping[str, Any]]
    """Of the networks that it loads or begins from (models/weights/licences.py)."""
    catalog: Catalog | None = None
    """Of the version that it learns from."""
    version: str = ""
    """Empty: other data."""
    look_at: Windows | None = None
    """Windows to look at in place of the job's, where these take long to open."""
    begins: bool = True
    """False: it goes on from a checkpoint, and its init means nothing any more."""
    editor_later: bool = False
    """The editor that an expert is to learn over is still to be trained; one of random numbers stands for it."""

    @property
    def takes_init(self) -> bool:
        """One that goes on has it in its checkpoint, but for an expert, whose checkpoint is the expert alone."""
        expert = isinstance(self.job.recipe, ExpertRecipe)
        return not self.editor_later if expert else self.begins

    @property
    def windows(self) -> Windows:
        return self.job.windows if self.look_at is None else self.look_at

    @cached_property
    def config(self) -> DitConfig | None:
        """Of the net; None where it is no DiT."""
        recipe = self.job.recipe
        if isinstance(recipe, EditorRecipe):
            return config_of(recipe)
        return stacked(PRESETS[recipe.preset]) if isinstance(recipe, GeneratorRecipe) else None
