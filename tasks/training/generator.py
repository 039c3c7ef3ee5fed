"""The generator's training: a DiT learns to paint the masked face of a clip so that it fits the sound (METHOD 4)."""

import torch

from models.dit.inputs import DitInput, generator_input
from models.dit.presets import PRESETS, stacked
from tasks.training.dit import DitTraining, Drawn
from tasks.training.objective import Batch
from tasks.training.recipe import GeneratorRecipe


class Generator(DitTraining):
    """What the loop has to know of it."""

    cut = ("target_BCFHW", "masked_BCFHW", "reference_BCHW", "face_BFHW", "lips_BFHW")

    def __init__(self, recipe: GeneratorRecipe):
        super().__init__(recipe, stacked(PRESETS[recipe.preset]))

    def shown(self, batch: Batch, drawn: Drawn, chances: list[torch.Generator]) -> DitInput:  # noqa: ARG002
        """Lays out the noised clip over the masked one, beside one frame of the same person."""
        return generator_input(
            drawn.noised(batch["target_BCFHW"]),
            batch["masked_BCFHW"],
            batch["reference_BCHW"],
            drawn.t_B,
            batch["audio_BFNA"],
            self.text(batch),
            drawn.motion,
            checked=False,
        )
