"""Reads what `latents`, `pairlatents` and `relitlatents` kept of training windows, where they kept these very ones.

B samples, C channels, F latent frames, H by W latents; the 2 are the clip and the masked clip.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from storage.batches.place import Place
from storage.batches.windows import Windows
from tasks.latent_windows import WindowShape, unpack_latent, unpack_single, unpack_window

STAGE, COLUMN = "latents", "window_latents"
OF_PAIRS, OF_RELIT = "pairlatents", "relitlatents"


@dataclass(frozen=True)
class Kept:
    """Where one encoding of each window is kept."""

    stage: str
    column: str
    masked_beside: bool = False
    """Whether each window has the masked clip's encoding behind this one, which is then not read."""

    def part(self, shape: WindowShape, number: int) -> tuple[int, int]:
        """Returns first byte and count of bytes of one window."""
        return shape.own(number) if self.masked_beside else shape.single(number)


OWN = Kept(STAGE, COLUMN, masked_beside=True)
COMPANION = Kept(OF_PAIRS, "companion_latents")
RELIT_OWN = Kept(OF_RELIT, "relit_latents")
RELIT_COMPANION = Kept(OF_RELIT, "relit_companion_latents")


@dataclass(frozen=True)
class Wanted:
    """The windows that a training takes, and the VAE that it takes them from."""

    vae: str
    weights: str
    """Digest of the VAE's."""
    frames: int
    stride: int

    def why_not(self, windows: Windows, stage: str = STAGE) -> str:
        """Why they can't be taken from what that stage kept; empty where they can."""
        if not windows.has(stage):
            return f"the version was made without {stage}"
        made = windows.made[stage]
        if self.weights not in made.weights.values():
            return f"the version's {stage} are of {made.config['vae']}, not of {self.vae}"
        if made.config["frames"] != self.frames or self.stride % made.config["stride"]:
            stored = f"{made.config['frames']} frames every {made.config['stride']}"
            return f"the version's {stage} are of {stored}, not of {self.frames} every {self.stride}"
        return ""


def latents(windows: Windows, places: Sequence[Place], others: Sequence[Place]) -> dict[str, Tensor]:
    """The windows, and of the others their first latent: of a causal VAE it is their first frame, encoded alone."""
    stride = windows.made[STAGE].config["stride"]
    shapes, rows = [_shape(windows, STAGE, place) for place in places], windows.rows(STAGE, places)
    wanted = [
        (row, *shape.window(place.first // stride))
        for row, shape, place in zip(rows, shapes, places, strict=True)
    ]
    wanted += [
        (row, *shape.first_latent(other.first // stride))
        for row, shape, other in zip(rows, shapes, others, strict=True)
    ]
    parts = windows.blobs.parts(STAGE, COLUMN, wanted)
    both = [unpack_window(*pair) for pair in zip(parts[: len(rows)], shapes, strict=True)]
    first = [unpack_latent(*pair) for pair in zip(parts[len(rows) :], shapes, strict=True)]
    target_BCFHW, masked_BCFHW = torch.from_numpy(np.stack(both)).float().transpose(2, 3).unbind(1)
    return {
        "target_BCFHW": target_BCFHW.contiguous(),
        "masked_BCFHW": masked_BCFHW.contiguous(),
        "reference_BCHW": torch.from_numpy(np.stack(first)).float(),
    }


def single_latents(windows: Windows, kept: Kept, places: Sequence[Place]) -> Tensor:
    """One encoding of each window (B, C, F, H, W)."""
    stride = windows.made[kept.stage].config["stride"]
    shapes, rows = [_shape(windows, kept.stage, place) for place in places], windows.rows(kept.stage, places)
    wanted = [
        (row, *kept.part(shape, place.first // stride))
        for row, shape, place in zip(rows, shapes, places, strict=True)
    ]
    parts = windows.blobs.parts(kept.stage, kept.column, wanted)
    found = [unpack_single(*pair) for pair in zip(parts, shapes, strict=True)]
    return torch.from_numpy(np.stack(found)).float().transpose(1, 2).contiguous()


def _shape(windows: Windows, stage: str, place: Place) -> WindowShape:
    sizes = ("latents", "channels", "height", "width")
    return WindowShape(*(windows.count(f"{stage}_{name}", place) for name in sizes))
