"""Says what a person asks a bootstrap for, and which recipe that is for each of its steps."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flows.environment import RECIPE
from flows.errors import BootstrapRefused
from flows.promoting.gates import gates_for
from flows.recipe_files import load_recipe
from flows.recipes import Recipe
from flows.training.data import check_networks_named
from flows.training.recipes import load_training
from infra.profiles import Profile, load_profile
from storage.ledger.catalog import Catalog
from storage.store import Store
from storage.trainings.names import check_name
from tasks.companion import CompanionConfig
from tasks.training.recipe import TrainRecipe

REBUILD, GENERATOR, STRUCTURE, LIP, TEXTURE = "rebuild", "generator", "structure", "lip", "texture"
TRAINED = (GENERATOR, STRUCTURE, LIP, TEXTURE)
EXPERTS = (LIP, TEXTURE)
PHASES = (REBUILD, *TRAINED)
"""What has settings of its own."""
BUDGETS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "toy": ("mini", ("steps=20", "batch=2", "validate_on=2")),
    "mini": ("mini", ()),
    "paper": ("paper", ()),
}
"""How much is trained: a recipe of each training, and what is changed in it. toy only shows that all of it runs."""
OURS = ("companion=", "companion.generator=", "companion.vae=", "companion.whisper=", "companion.layers=")
"""Settings of a rebuild that the generator decides."""


@dataclass(frozen=True)
class Asked:
    """One bootstrap, by its name."""

    name: str
    source: str
    catalog: str
    recipe: str = RECIPE
    """Of the rebuilds."""
    budget: str = "mini"
    overrides: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Phase -> settings that are changed."""
    profile: str = "laptop"
    licence: str = ""
    consent: str = ""
    anyway: str = ""
    """Why what doesn't pass the gates is promoted all the same."""
    gates: Sequence[str] = ()
    """Other limits than the gates', as in leak=0.2."""

    @cached_property
    def where(self) -> Profile:
        """Where it computes."""
        return load_profile(self.profile)

    @cached_property
    def tables(self) -> Catalog:
        """Its catalog, open."""
        return Catalog(self.catalog, Store.told(self.where.storage_options))

    @property
    def trainings_recipe(self) -> str:
        """The recipe that trainings begin with."""
        return BUDGETS[self.budget][0]

    def run(self, kind: str) -> str:
        """Returns what its training of a kind is called."""
        return check_name(f"{self.name}-{kind}")

    def settings(self, phase: str) -> list[str]:
        """Returns what is changed in the recipe of a phase."""
        own = list(self.overrides.get(phase, ()))
        return own if phase == REBUILD else [*BUDGETS[self.budget][1], *own]

    def training(self, kind: str, init: str = "") -> TrainRecipe:
        """Returns the recipe of a training; an expert's init is the editor that it learns over."""
        return load_training(kind, self.trainings_recipe, self.changes(kind, init))

    def training_later(self, kind: str) -> TrainRecipe:
        """Returns the recipe of a training before there is an editor: an expert's init is only a name yet."""
        return self.training(kind, f"run:{self.run(STRUCTURE)}" if kind in EXPERTS else "")

    def changes(self, kind: str, init: str) -> list[str]:
        """Returns all that is changed in the recipe of a training."""
        return [*self.settings(kind), *([f"init={init}"] if init else [])]

    def clips(self) -> Recipe:
        """Returns the recipe of the first rebuild, which makes no pairs."""
        return load_recipe(self.recipe, self.clip_settings())

    def clip_settings(self) -> list[str]:
        """Returns all that is changed in it."""
        return [*self.settings(REBUILD), "companion=off"]

    def pairs(self, generator: str = CompanionConfig().generator) -> Recipe:
        """Returns the recipe of the second rebuild. What paints sees and hears as it learned to."""
        return load_recipe(self.recipe, self.pair_settings(generator))

    def pair_settings(self, generator: str = CompanionConfig().generator) -> list[str]:
        """Returns all that is changed in it."""
        settings = self.settings(REBUILD)
        learned: dict[str, Any] = {
            "generator": generator,
            "vae": getattr(self.training(GENERATOR), "vae", ""),
        }
        if hearing := load_recipe(self.recipe, settings).hearing:
            learned |= {"whisper": hearing.whisper, "layers": hearing.layers}
        return [*settings, *(f"companion.{name}={json.dumps(value)}" for name, value in learned.items())]


def check_asked(asked: Asked) -> None:
    """Refuses what a typo would spoil, before anything is computed."""
    for kind in TRAINED:
        asked.run(kind)
    _check_phases(asked)
    gates_for("", asked.gates)
    asked.clips()
    for kind in TRAINED:
        check_networks_named(asked.training_later(kind), "")


def _check_phases(asked: Asked) -> None:
    if asked.budget not in BUDGETS:
        raise BootstrapRefused(f"there is no budget {asked.budget!r}; there are: {', '.join(BUDGETS)}")
    for phase, settings in asked.overrides.items():
        if phase not in PHASES:
            raise BootstrapRefused(f"there is no phase {phase!r} to set; there are: {', '.join(PHASES)}")
        for text in settings:
            one = text.replace(" ", "")
            if (phase == REBUILD and one.startswith(OURS)) or (phase in EXPERTS and one.startswith("init=")):
                raise BootstrapRefused(
                    f"{text} of {phase} is what a bootstrap finds out by itself: leave it out, or run redub rebuild and "
                    "redub train yourself"
                )


def by_phase(texts: Sequence[str]) -> dict[str, list[str]]:
    """Returns `structure.steps=500` as a setting of its phase."""
    found: dict[str, list[str]] = {}
    for text in texts:
        phase, dot, setting = text.partition(".")
        if not dot or "=" in phase:
            raise BootstrapRefused(
                f"--set takes PHASE.field=value (for example structure.steps=500), not {text!r}; phases are: "
                f"{', '.join(PHASES)}"
            )
        found.setdefault(phase, []).append(setting)
    return found
