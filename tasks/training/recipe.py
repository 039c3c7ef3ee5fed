"""Says what a training computes: frozen, typed recipes, one class a kind of network.

Where it runs (workers, GPUs, precision, sharding) is the profile's, and changes nothing here.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.ranges import FramesApart, Seed, Share, Weight

Steps = Annotated[int, Field(ge=1, le=10**9)]
StepsOrNone = Annotated[int, Field(ge=0, le=10**9)]


class Settings(BaseModel):
    """Frozen, and nothing that isn't known."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Optimizer(Settings):
    """How parameters follow their gradients. The defaults train a small network from scratch."""

    kind: Literal["muon", "adamw"] = "muon"
    """muon: matrices inside the blocks by Muon, all else by AdamW. The paper fine-tunes by adamw, rate 1e-5."""
    rate: float = Field(default=2e-3, gt=0, le=1)
    """Of AdamW."""
    matrix_rate: float = Field(default=4e-3, gt=0, le=1)
    """Of Muon; means nothing to adamw."""
    betas: tuple[Share, Share] = (0.9, 0.98)
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    warmup: StepsOrNone = 50
    """Steps over which the rates rise."""
    decay: Share = 0.3
    """Share of all steps, at the end, over which the rates fall to zero."""
    longest: float = Field(default=1.0, gt=0, le=1e9)
    """Gradients are cut to this length."""


class Guards(Settings):
    """When a step is left out, and when the training gives up."""

    explodes: float = Field(default=100.0, gt=1, le=1e9)
    """A gradient so many times as long as the median of the last hundred is left out."""
    in_a_row: Steps = 5
    """So many steps left out in a row stop the training."""


class TrainRecipe(Settings):
    """What all trainings have."""

    steps: Steps = 1000
    batch: int = Field(default=8, ge=1, le=1_000_000)
    """Samples a step, of all workers together."""
    seed: Seed = 0
    init: str = ""
    """Reference of the weights to start from; empty: from scratch. Parts of another shape start anew."""
    frames: int = Field(default=25, ge=5, le=321)
    """Of a window."""
    stride: FramesApart = 12
    """Frames from one window's beginning to the next one's."""
    split: str = "train"
    """Of the dataset version."""
    average: Share = 0.99
    """Decay of the moving average of the weights, which is what a checkpoint exports; 0 keeps none."""
    average_every: Steps = 1
    """Steps from one look at the weights to the next, for that average; above ZeRO 0 each gathers them."""
    optimizer: Optimizer = Optimizer()
    guards: Guards = Guards()
    save_every: Steps = 100
    """Steps from one checkpoint to the next."""
    keep: int = Field(default=3, ge=1, le=1_000_000)
    """Checkpoints that are kept besides the best."""
    validate_every: StepsOrNone = 0
    """Steps from one validation to the next; 0: only at the end. A validated step has a checkpoint."""
    validate_on: int = Field(default=8, ge=1, le=1000)
    """So many windows (or people of the world): a validation takes as long as they are many."""


class DitRecipe(TrainRecipe):
    """What trainings of a video DiT have. The defaults suit the mini nets."""

    preset: str = "mini"
    """Of the DiT."""
    vae: str = "mini:vae"
    whisper: str = "mini:whisper"
    """What heard the sound; a version's rows say by themselves which it was."""
    text: str = ""
    """What says the prompt "" to a net that reads text: its encoder, or the file of its embedding. mini reads none."""
    alpha: float = Field(default=8.0, gt=0, le=100)
    """Where noise levels lie: above 1 near pure noise."""
    times: Literal["logit-normal", "uniform"] = "logit-normal"
    """How noise levels are drawn. uniform draws all alike, and alpha means nothing: an ablation of the paper's."""
    face_weight: Weight = 1.0
    lips_weight: Weight = 3.0
    audio_dropped: Share = 0.1
    """How often the sound is left out, which guidance needs."""
    motion: int = Field(default=2, ge=0, le=80)
    """Latents at the start that may be given clean, so that segments join."""
    motion_dropped: Share = 0.5
    """How often they aren't given."""
    crop: int = Field(default=0, ge=0, le=1024)
    """Latents of a square round the mouth that is trained on; 0: whole pictures."""
    recompute: bool = False
    """Activations are computed again in the backward pass: less memory, a third more time."""
    compiled: bool = False
    """Blocks are compiled: a minute at the start, for GPUs."""

    @model_validator(mode="after")
    def _whole_latents(self) -> Self:
        if (self.frames - 1) % 4:
            raise ValueError(
                f"frames is {self.frames}, and a window has 4k + 1 (25, 77): the VAE takes no other"
            )
        if self.motion >= 1 + (self.frames - 1) // 4:
            raise ValueError(f"motion is {self.motion}: that leaves nothing of {self.frames} frames to learn")
        if self.crop % 2:
            raise ValueError(f"crop is {self.crop}, and a square of latents has to be even")
        return self


class GeneratorRecipe(DitRecipe):
    """Trains the mask dubber: it paints the face of a clip anew, to fit the sound (METHOD 4)."""


class SyncNetRecipe(TrainRecipe):
    """Trains SyncNet: it tells lips and sound that belong together from others."""

    preset: Literal["mini", "public"] = "mini"
    """Sizes of the net and of its crops: of the one that is shipped, or as published."""
    steps: Steps = 600
    batch: int = Field(default=8, ge=1, le=1_000_000)
    """Windows a step. Of each, every five frames have to find their own sound among that of all the others."""
    frames: int = Field(default=25, ge=25, le=250)
    optimizer: Optimizer = Optimizer(
        kind="adamw", betas=(0.9, 0.999), weight_decay=1e-4, longest=5.0, warmup=60, decay=0.7
    )
