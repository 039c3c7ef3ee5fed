"""What goes into a vision-language model and what comes out, whichever back-end runs it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Question:
    """A question about a video or a picture."""

    text: str
    rgb_FHWC: np.ndarray
    """uint8: a video's sampled frames, or one picture."""
    fps: float | None
    """Of the sampled frames; None for a picture."""

    def __post_init__(self) -> None:
        assert self.rgb_FHWC.ndim == 4
        assert self.fps is not None or len(self.rgb_FHWC) == 1, "several frames are a video and have a rate"


@dataclass(frozen=True)
class Reply:
    """The model's words."""

    text: str
    width: int
    """Of the pictures as the model saw them: coordinates in its text are in these pixels."""
    height: int


@dataclass(frozen=True)
class Sizes:
    """How large the model sees pictures: each is scaled, with its shape kept, to so many pixels. One token takes 28x28."""

    min_pixels: int
    max_pixels: int


class Vlm(Protocol):
    """Answers questions about pictures."""

    def ask(self, questions: Sequence[Question], most_tokens: int) -> list[Reply]:
        """Returns answers in the order of the questions."""
        ...
