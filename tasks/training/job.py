"""What travels to a training's workers: the recipe, the data, and where checkpoints go."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from infra.zero import Sharding
from storage.store import Store
from tasks.training.checkpoints import Place
from tasks.training.editor.lip import Lip
from tasks.training.editor.recipe import LipRecipe, StructureRecipe, TextureRecipe
from tasks.training.editor.structure import Structure
from tasks.training.editor.texture import Texture
from tasks.training.generator import Generator
from tasks.training.objective import Objective, Validator, Windows
from tasks.training.recipe import GeneratorRecipe, SyncNetRecipe, TrainRecipe
from tasks.training.syncnet import SyncNetObjective


class Channel(Protocol):
    """The way back to whoever started the training (infra/launch)."""

    def tell(self, event: dict[str, Any]) -> None:
        """Sends what happened."""

    def stopping(self) -> bool:
        """Whether the training should write a checkpoint and end."""


@dataclass(frozen=True)
class Job:
    """One training."""

    name: str
    recipe: TrainRecipe
    windows: Windows
    root: str
    """Folder or object-store prefix of its checkpoints."""
    about: Mapping[str, str]
    """Its history in words: goes into the header of exported weights."""
    store: Store = field(default_factory=Store)
    sharding: Sharding = field(default_factory=Sharding)
    micro: int = 0
    """Samples a worker takes at once; 0: all of its share of the batch."""
    loaders: int = 0
    """Processes beside each worker that make its batches."""
    spared: frozenset[int] = frozenset()
    """Steps whose checkpoints are kept whatever comes: something was made with them."""
    validator: Validator | None = None
    """What looks at it every `validate_every` steps and at the end."""

    @property
    def place(self) -> Place:
        """Where its checkpoints lie."""
        return Place(self.root, self.store)


def objective_of(recipe: TrainRecipe) -> Objective:
    """Returns what a recipe computes."""
    if isinstance(recipe, GeneratorRecipe):
        return Generator(recipe)
    if isinstance(recipe, StructureRecipe):
        return Structure(recipe)
    if isinstance(recipe, LipRecipe):
        return Lip(recipe)
    if isinstance(recipe, TextureRecipe):
        return Texture(recipe)
    if isinstance(recipe, SyncNetRecipe):
        return SyncNetObjective(recipe)
    raise AssertionError(f"no objective for {type(recipe).__name__}")
