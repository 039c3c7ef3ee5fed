"""Defines how far the numbers of settings go: a type for each kind of number, and what two of them must keep.

A number of a Config without both ends, or one that takes NaN, fails tests/flows/test_recipe_numbers.py.
"""

from typing import Annotated, Any

from pydantic import Field

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=100)]
"""Of a loss beside others."""
Cosine = Annotated[float, Field(ge=-1, le=1)]
SourceSeconds = Annotated[float, Field(gt=0, le=7 * 86400)]
ClipSeconds = Annotated[float, Field(gt=0, le=3600)]
FacePixels = Annotated[float, Field(ge=1, le=8192)]
Crf = Annotated[int, Field(ge=0, le=51)]
"""Of x264."""
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Layer = Annotated[int, Field(ge=-1, le=100)]
FramesApart = Annotated[int, Field(ge=1, le=10_000)]
"""From one frame, or window, to the next that is looked at; or so many of them."""


def check_order(config: Any, least: str, most: str) -> None:
    """Raises where the setting `least` is above the setting `most`."""
    low, high = getattr(config, least), getattr(config, most)
    if low > high:
        raise ValueError(f"{least} is {low:g}, above {most}, which is {high:g}: nothing lies between them")
