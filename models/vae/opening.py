"""Opens a VAE by its reference: all of it, or only what its config says of the latents."""

import json
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKLWan

from models.vae.shapes import pixels_per_latent_by
from models.weights.pretrained import load
from models.weights.references import ModelError, resolve


@dataclass(frozen=True)
class LatentGrid:
    """What the latents of a VAE look like."""

    channels: int
    pixels: int
    """Pixels that a latent is wide and high."""


def load_vae(reference: str, device: str = "cpu", dtype: torch.dtype = torch.float32) -> AutoencoderKLWan:
    """Loads a VAE whole; it learns nothing."""
    return load(AutoencoderKLWan, resolve(reference), dtype).to(device)


def latent_grid(reference: str) -> LatentGrid:
    """Reads the config alone."""
    path = resolve(reference) / "config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text())
        return LatentGrid(config["z_dim"], pixels_per_latent_by(config["dim_mult"], config.get("patch_size")))
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{path} is no config of a Wan VAE ({error!r}); give the folder of one in the layout of diffusers"
        ) from error
