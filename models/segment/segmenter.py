"""What every segmenter is asked, what it answers, and what it refuses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

STABILITY_MARGIN = 1.0
"""Logits to either side of the mask's threshold that stability compares, as SAM's own filter does."""
ABSENT = -1000.0
"""SAM 2 gives all pixels a lower logit than this where it thinks that the object is out of sight."""
Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the clip; x1 and y1 are just outside."""


@dataclass(frozen=True)
class Prompt:
    """A thing to follow: its box on one frame."""

    frame: int
    box: Box


@dataclass(frozen=True)
class Followed:
    """What became of one prompt, on every frame."""

    mask_FHW: np.ndarray
    """bool, of the clip's size; empty where the thing is thought to be out of sight."""
    seen_F: np.ndarray
    """bool: the model thinks that it is in sight."""
    stability_F: np.ndarray
    """How little the mask depends on the threshold: its area at a logit of 1 over that at -1; 1 where empty."""


class MaskRecorder:
    """Collects the masks of one object while its frames come in, in any order."""

    def __init__(self, shape: tuple[int, ...]):
        frames, height, width = shape[:3]
        self.mask_FHW = np.zeros((frames, height, width), bool)
        self.seen_F, self.stability_F = np.zeros(frames, bool), np.full(frames, np.nan)

    def put(self, frame: int, logits_HW: Any) -> None:
        """Records one frame's logits, a tensor of the clip's size on any device."""
        self.mask_FHW[frame] = (logits_HW > 0).cpu().numpy()
        self.seen_F[frame] = float(logits_HW.max()) > ABSENT
        wide = int((logits_HW > -STABILITY_MARGIN).sum())
        self.stability_F[frame] = int((logits_HW > STABILITY_MARGIN).sum()) / wide if wide else 1.0

    def done(self) -> Followed:
        """Returns what was recorded; every frame has to be there."""
        assert not np.isnan(self.stability_F).any(), "a frame was left out"
        return Followed(self.mask_FHW, self.seen_F, self.stability_F)


class Segmenter(Protocol):
    """Follows boxes through a clip."""

    def propagate(self, rgb_FHWC: np.ndarray, prompts: Sequence[Prompt]) -> list[Followed]:
        """Returns one answer for each prompt, in their order; from its frame on to both ends of the clip."""
        ...


def check_prompts(rgb_FHWC: np.ndarray, prompts: Sequence[Prompt]) -> None:
    """Raises ValueError for a prompt that can't be one of this clip's."""
    frames, height, width = rgb_FHWC.shape[:3]
    for prompt in prompts:
        x0, y0, x1, y1 = prompt.box
        if not 0 <= prompt.frame < frames:
            raise ValueError(f"a box is on frame {prompt.frame}, but the clip's frames are 0 to {frames - 1}")
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise ValueError(
                f"the box {[round(v, 1) for v in prompt.box]} on frame {prompt.frame} is no x0, y0, x1, y1 inside "
                f"a picture of {width}x{height}: clip it to the picture, or leave it out"
            )


def prompts_by_frame(prompts: Sequence[Prompt]) -> dict[int, list[int]]:
    """Returns for each frame the numbers of its prompts: those are followed together."""
    by_frame: dict[int, list[int]] = {}
    for number, prompt in enumerate(prompts):
        by_frame.setdefault(prompt.frame, []).append(number)
    return by_frame


def box_of(mask_HW: np.ndarray) -> Box:
    """Returns the smallest box that holds a mask which isn't empty."""
    ys, xs = np.nonzero(mask_HW)
    return float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)
