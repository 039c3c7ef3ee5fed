"""Says what the editor's three phases compute (METHOD 7): frozen, typed recipes, one class a phase."""

from typing import Literal, Self

from pydantic import Field, model_validator

from models.dit.flow import ALPHA
from tasks.ranges import Share, Weight
from tasks.training.recipe import DitRecipe, Optimizer

PART = 4
"""Latents that are decoded at once, to thirteen frames."""
GENTLE = Optimizer(kind="adamw", rate=1e-3, betas=(0.9, 0.99), warmup=20, decay=0.5)
"""Of an expert: few numbers over a net that knows already."""


class EditorRecipe(DitRecipe):
    """What the three phases have."""

    companion: Literal["beside", "over"] = "beside"
    """How the companion is shown: its frames beside the target's, or, as an ablation, its channels over them."""
    companion_dropped: Share = 0.0
    """How often the companion is left out, which guidance towards what is seen needs."""


class StructureRecipe(EditorRecipe):
    """Trains the whole editor, mostly at high noise: where the face is, and what the sound does to it."""

    alpha: float = Field(default=6.0, gt=0, le=100)


class ExpertRecipe(EditorRecipe):
    """Trains a LoRA expert alone, over a frozen editor (`init`), by losses on pictures as well."""

    rank: int = Field(default=16, ge=1, le=512)
    part: int = Field(default=PART, ge=2, le=20)
    """Latents that are decoded at once: 4 are 13 frames."""
    average: Share = 0.95
    optimizer: Optimizer = GENTLE

    @model_validator(mode="after")
    def _over_a_whole_editor(self) -> Self:
        if not self.init:
            raise ValueError("an expert learns over an editor: give init, as in --set init=run:NAME")
        if self.crop:
            raise ValueError(f"crop is {self.crop}, and pictures are decoded whole; leave crop at 0")
        if self.part + self.motion > 1 + (self.frames - 1) // 4:
            raise ValueError(
                f"part is {self.part}: after {self.motion} motion latents {self.frames} frames have fewer left"
            )
        return self


class LipRecipe(ExpertRecipe):
    """Trains the lip expert, at middle noise: SyncNet hears whether the lips fit the sound."""

    alpha: float = Field(default=ALPHA["lip"], gt=0, le=100)
    sync: str = "mini:syncnet"
    """The teacher. One that tells lips and sound apart no better than chance is refused."""
    sync_weight: Weight = 0.05
    least_in_sync: Share = 0.65
    """Of true lips, the teacher has to tell the sound in sync from others in so many cases."""


class TextureRecipe(ExpertRecipe):
    """Trains the texture expert, at low noise: without sound it should look like the companion."""

    alpha: float = Field(default=ALPHA["texture"], gt=0, le=100)
    identity: str = "mini:identity"
    """An ArcFace-like network in ONNX."""
    clip: str = "mini:clip"
    identity_weight: Weight = 0.05
    clip_weight: Weight = 0.05
    deaf: Share = 0.5
    """How often audio attention is off. Only then does likeness count: with sound, lips have to differ."""
