"""Says how it is judged what is before a face: the settings of the stage `occluders`."""

from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from tasks.ranges import FramesApart
from tasks.stage import StageConfig


class SignLimits(StageConfig):
    """When a sign counts. No setting of any way but `signs`."""

    covered_share: float = Field(default=0.1, ge=0.0, le=1.0)
    """Under `signs`: clips that are clearly covered on a larger share of their frames are rejected."""
    look_every: FramesApart = 5
    """Under `signs`: frames from one look for hands to the next; while none is in sight, twice as many."""
    hand: float = Field(default=0.5, gt=0.0, le=1.0)
    """Under `signs`: how sure of a hand its mesh must be."""
    hand_share: float = Field(default=0.1, gt=0.0, le=1.0)
    """Under `signs`: the share of the lower face that a hand's outline must hold."""
    hidden_lips: float = Field(default=0.25, gt=0.0, le=1.0)
    """Under `signs`: the lips are covered where this share of them is of a colour that is none of this face."""
    passing: float = Field(default=0.15, gt=0.0, le=1.0)
    """Under `signs`: the lower face is covered where this share of it is not as it mostly is."""
    perhaps_passing: float = Field(default=0.08, gt=0.0, le=1.0)
    """Under `signs`: from this share on it may be."""


class OccludersConfig(SignLimits):
    """What follows the boxes, and which masks can't be true; or by which signs a face is taken for covered."""

    segmenter: Literal["sam2", "official", "signs"] = "sam2"
    """`sam2` is transformers'; `official` is the package of SAM 2's authors, which has to be installed; `signs` looks for
    signs that something is before the face: hands, what is unlike this face's own skin, what passes; it draws no masks."""
    model: str = "mini:sam2"
    """Reference of its weights: for `sam2` a folder, for `official` a checkpoint of theirs; for `signs` what finds hands,
    `PALM.tflite + HAND.tflite`, or nothing, and then it looks for none."""
    whole: float = Field(default=0.97, gt=0.0, le=1.0)
    """A mask with this share of the face or of the picture covers all of it."""
    whole_share: float = Field(default=0.5, gt=0.0, le=1.0)
    """Clips with such a mask on this share of their frames are rejected."""

    @model_validator(mode="after")
    def _signs_need_their_own_model(self) -> Self:
        if self.segmenter == "signs" and self.model == type(self).model_fields["model"].default:
            raise ValueError(
                "the segmenter `signs` looks for hands: set model to `PALM.tflite + HAND.tflite` (`redub models list` has "
                "palm-finder and hand-mesh), or to '' to look for none"
            )
        return self

    @model_serializer(mode="wrap")
    def _of_its_way(self, told: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Limits of a way that is not taken change no result, so they enter no fingerprint."""
        return {
            k: v
            for k, v in told(self).items()
            if self.segmenter == "signs" or k not in SignLimits.model_fields
        }

    @property
    def judged_by(self) -> str:
        """For people: how it is known what covers a face."""
        if self.segmenter != "signs":
            return f"masks of {self.segmenter}"
        return f"signs: {'hands, ' if self.model else ''}skin, passing"
