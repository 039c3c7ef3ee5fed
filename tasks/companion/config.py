"""Says what paints companions, what it hears, and how; a wrong setting is refused when a recipe is read."""

from typing import Literal, Self

from pydantic import Field, model_validator

from tasks.ranges import Layer, Seed
from tasks.stage import StageConfig


class CompanionConfig(StageConfig):
    """What paints, what it hears, and how."""

    generator: str = "mini:generator"
    """Reference of the mask dubber: mini:generator, a file, or run:NAME, the best checkpoint of a training here; empty
    for none: then only pairs whose other half was given are taken."""
    vae: str = "mini:vae"
    """Reference of the VAE that it learnt with."""
    whisper: str = "mini:whisper"
    """Reference of the Whisper that it heard with."""
    layers: list[Layer] = Field(default=[0], min_length=1)
    """Its layers, as in hearing.layers."""
    segment: int = Field(default=25, ge=5, le=321)
    """Frames painted at once, 4k + 1."""
    motion: int = Field(default=5, ge=0, le=317)
    """Of them, those that the segment before ended with, 4k + 1; 0 paints each segment by itself."""
    blended: int = Field(default=2, ge=0, le=320)
    """Frames after those that are painted by both segments and pass from one to the other; the paper has none."""
    steps: int = Field(default=2, ge=1, le=1000)
    """Steps from noise to picture: few for the mini generator, which was measured so; the paper's nets take 30."""
    shift: float = Field(default=6.0, gt=0, le=100)
    guidance: float = Field(default=3.0, ge=0, le=100)
    """How far to go beyond what is heard, at high noise; 1 asks the net once a step."""
    above: float = Field(default=0.9, ge=0, le=1)
    """Noise level from which guidance is used."""
    feather: float = Field(default=0.015, ge=0, le=0.2)
    """How soft the edge of what is painted is, as a share of the clip's side."""
    match_colour: bool = True
    """Gives each frame the colours of the clip, by the pixels that stay the same."""
    quiet_db: float = Field(default=-50.0, ge=-200, le=0)
    """Loudness (dBFS) below which a partner's sound says nothing, and there is no pair."""
    crf: int = Field(default=12, ge=0, le=40)
    """Quality of the companion's video: lower is better and larger."""
    seed: Seed = 0
    """Another number begins from other noise."""
    face: Literal["mini", "mesh", "mediapipe", "yunet"] = "mini"
    """What looks for the face in a companion that was given."""
    face_model: str = "mini:face"
    """Reference of its weights."""
    face_apart: float = Field(default=0.25, gt=0, le=10)
    """How far its eyes and nose may be from the clip's, in face sizes, median over frames."""

    @model_validator(mode="after")
    def _can_be_cut(self) -> Self:
        for name, frames in (("segment", self.segment), ("motion", self.motion)):
            if frames and frames % 4 != 1:
                raise ValueError(f"{name} is a count of frames 4k + 1 (5, 9, ... 25, 77), not {frames}")
        if self.motion + self.blended >= self.segment:
            raise ValueError(
                f"{self.motion} motion frames and {self.blended} blended ones leave nothing of a segment of {self.segment}"
            )
        return self
