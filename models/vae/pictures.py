"""Takes pictures as a video file gives them into latents as a DiT works on them."""

from math import prod

import torch
from diffusers import AutoencoderKLWan
from torch import Tensor

from models.vae.passes import encode
from models.vae.shapes import normalised

AT_ONCE = 1 << 22


def as_video(rgb_BTHWC: Tensor) -> Tensor:
    """Returns uint8 frames as the VAE takes them, (B, C, T, H, W) of -1..1."""
    assert rgb_BTHWC.dtype == torch.uint8, rgb_BTHWC.dtype
    return rgb_BTHWC.permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def encoded(vae: AutoencoderKLWan, video_BCTHW: Tensor) -> Tensor:
    """Returns the normalised latents of -1..1 in 32 bits, whatever precision the VAE runs in.

    So many videos at once as have `AT_ONCE` pixels: of a batch of large ones all layers at once fill any memory.
    """
    _, _, *sizes = video_BCTHW.shape
    parts = video_BCTHW.split(max(1, AT_ONCE // prod(sizes)))
    return torch.cat([normalised(vae, encode(vae, part.to(vae.dtype)).float()) for part in parts])
