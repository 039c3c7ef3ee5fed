"""Says which frames each segment of a clip covers, and what is painted of it: numbers and masks, no network.

F frames, H by W pixels.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import conv2d, pad

from models.vae.shapes import latents_of

ROUNDING = 1e-6
"""By how much a bell's weights may sum to less than 1."""


@dataclass(frozen=True)
class Cut:
    """How a clip is cut into segments: of so many frames, the first of which are some of the one before."""

    length: int = 25
    motion: int = 5
    """Frames of the one before that a segment begins with."""
    blended: int = 0
    """Frames after those that are painted in both, and pass from the one to the other."""

    def __post_init__(self) -> None:
        latents_of(self.length)
        if self.motion:
            latents_of(self.motion)
        if self.motion < 0 or self.blended < 0 or self.step < 1:
            raise ValueError(
                f"{self.motion} motion frames and {self.blended} blended ones leave nothing of a segment of {self.length}; "
                "give 5 of 25"
            )

    @property
    def step(self) -> int:
        """How many frames later each segment begins than the one before."""
        return self.length - self.motion - self.blended

    def starts(self, frames: int) -> list[int]:
        """Returns the first frame of each segment; together they cover so many frames, the last one maybe more."""
        count = 1 + max(0, -(-(frames - self.length) // self.step))
        return [number * self.step for number in range(count)]

    def frames_of(self, start: int, frames: int) -> np.ndarray:
        """Returns the numbers of a segment's frames; past the clip's end it turns round."""
        at = np.arange(start, start + self.length)
        period = max(2 * frames - 2, 1)
        return np.abs((at + frames - 1) % period - (frames - 1))


def inner_feather(mask_FHW: np.ndarray, deviation: float) -> np.ndarray:
    """Returns how much of the painted picture shows, float32 of 0..1: none outside of the mask, all well inside.

    The mask under a bell is half at its edge; what is beyond that half is stretched to 0..1, so that nothing outside,
    an occluder's edge for one, is touched.
    """
    if not deviation:
        return mask_FHW.astype(np.float32)
    reach = int(np.ceil(3 * deviation))
    bell = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * deviation**2))
    line = torch.from_numpy(bell / bell.sum()).float()
    x = pad(torch.from_numpy(mask_FHW).float()[:, None], (reach,) * 4, mode="replicate")
    x = conv2d(conv2d(x, line.view(1, 1, -1, 1)), line.view(1, 1, 1, -1))
    inside_FHW = (2 * x[:, 0] - 1 + ROUNDING).clamp(0, 1).numpy()
    return (inside_FHW * mask_FHW).astype(np.float32)


def composed(made_FHWC: np.ndarray, clip_FHWC: np.ndarray, over_FHW: np.ndarray) -> np.ndarray:
    """Lays what was made over the clip, uint8: V_post = M~ V_gen + (1 - M~) V_orig."""
    over_FHW1 = over_FHW[..., None]
    return (over_FHW1 * made_FHWC + (1 - over_FHW1) * clip_FHWC).round().clip(0, 255).astype(np.uint8)


def passing(before_FHWC: np.ndarray, after_FHWC: np.ndarray, frames: int) -> np.ndarray:
    """Returns frames that go from the one to the other within so many frames, of which these are the first."""
    along_F111 = ((1 + np.arange(len(after_FHWC))) / (frames + 1)).astype(np.float32)[:, None, None, None]
    return (1 - along_F111) * before_FHWC + along_F111 * after_FHWC
