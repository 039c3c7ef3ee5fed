"""The editor's first phase: all of it learns to turn a companion into the clip whose lips the sound moves (METHOD 6)."""

from collections.abc import Mapping
from typing import Any

import torch

from models.dit.config import DitConfig
from models.dit.inputs import DitInput, editor_input
from models.dit.presets import PRESETS, stacked
from models.dubbing.suited import MINI_SAMPLING, SAMPLING, said_of
from tasks.training.chance import happens
from tasks.training.dit import DitTraining, Drawn
from tasks.training.editor.recipe import EditorRecipe
from tasks.training.objective import Batch


class Structure(DitTraining):
    """What the loop has to know of it."""

    cut = ("target_BCFHW", "companion_BCFHW", "face_BFHW", "lips_BFHW")

    def __init__(self, recipe: EditorRecipe):
        super().__init__(recipe, config_of(recipe))
        self.over = recipe.companion == "over"
        self._dropped = recipe.companion_dropped

    def about(self) -> Mapping[str, Any]:
        """Returns the net's config, and of a mini one how it is to be sampled."""
        sampling = {SAMPLING: said_of(MINI_SAMPLING)} if self.recipe.preset == "mini" else {}
        return {**super().about(), **sampling}

    def shown(self, batch: Batch, drawn: Drawn, chances: list[torch.Generator]) -> DitInput:
        """Lays out the noised clip beside all of the companion."""
        companion = batch["companion_BCFHW"]
        if self._dropped:
            kept_B = ~happens(chances, self._dropped)
            companion = companion * kept_B.to(companion)[:, None, None, None, None]
        return editor_input(
            drawn.noised(batch["target_BCFHW"]),
            companion,
            drawn.t_B,
            batch["audio_BFNA"],
            self.text(batch),
            drawn.motion,
            self.over,
            checked=False,
        )


def config_of(recipe: EditorRecipe) -> DitConfig:
    """Returns the net's: one latent at a time, or two over one another."""
    config = PRESETS[recipe.preset]
    return stacked(config) if recipe.companion == "over" else config
