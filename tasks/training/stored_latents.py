"""Reads what the stage `latents` kept of training windows, where it kept these very ones.

B samples, C channels, F latent frames, H by W latents; the 2 are the clip and the masked clip.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from storage.batches.place import Place
from storage.batches.windows import Windows
from tasks.latent_windows import WindowShape, unpack_latent, unpack_own, unpack_window

STAGE, COLUMN = "latents", "window_latents"


def why_not(windows: Windows, vae: str, weights: str, frames: int, stride: int) -> str:
    """Why windows can't be taken from there; empty where they can. `weights` is the digest of the VAE's."""
    if not windows.has(STAGE):
        return "the version was made without latents"
    made = windows.made[STAGE]
    if weights not in made.weights.values():
        return f"the version's latents are of {made.config['vae']}, not of {vae}"
    if made.config["frames"] != frames or stride % made.config["stride"]:
        stored = f"{made.config['frames']} frames every {made.config['stride']}"
        return f"the version's latents are of {stored}, not of {frames} every {stride}"
    return ""


def latents(windows: Windows, places: Sequence[Place], others: Sequence[Place]) -> dict[str, Tensor]:
    """The windows, and of the others their first latent: of a causal VAE it is their first frame, encoded alone."""
    stride = windows.made[STAGE].config["stride"]
    shapes, rows = [_shape(windows, place) for place in places], windows.rows(STAGE, places)
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


def own_latents(windows: Windows, places: Sequence[Place]) -> Tensor:
    """The windows of the clips alone (B, C, F, H, W); what is masked in them is not read."""
    stride = windows.made[STAGE].config["stride"]
    shapes, rows = [_shape(windows, place) for place in places], windows.rows(STAGE, places)
    wanted = [
        (row, *shape.own(place.first // stride))
        for row, shape, place in zip(rows, shapes, places, strict=True)
    ]
    parts = windows.blobs.parts(STAGE, COLUMN, wanted)
    own = [unpack_own(*pair) for pair in zip(parts, shapes, strict=True)]
    return torch.from_numpy(np.stack(own)).float().transpose(1, 2).contiguous()


def _shape(windows: Windows, place: Place) -> WindowShape:
    sizes = ("latents", "channels", "height", "width")
    return WindowShape(*(windows.count(f"{STAGE}_{name}", place) for name in sizes))
