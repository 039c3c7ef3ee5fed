"""Guesses clean pictures from one prediction, for losses that see: METHOD 7's x0 = D(z0 + (v - v^) min(t, 0.6)).

Four latents are decoded to thirteen frames. The decoder is causal, so the latents before them are its past, without a
gradient (models/vae/window.py). C channels, F latents or frames, H by W latents or pixels.
"""

from collections.abc import Sequence

import torch
from diffusers import AutoencoderKLWan
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from models.dit import flow
from models.vae import FRAMES_PER_LATENT, View, decode_window, denormalised
from tasks.training.dit import Predicted


def guessed(predicted: Predicted) -> Tensor:
    """Returns the clean latents that follow from one prediction; those that were given clean as they are."""
    target_BCFHW = predicted.batch["target_BCFHW"]
    made = flow.single_step(
        target_BCFHW, predicted.velocity_BCFHW, predicted.made_BCFHW.float(), predicted.drawn.t_B
    )
    return torch.where(predicted.noised_BF[:, None, :, None, None], made, target_BCFHW)


def beginnings(predicted: Predicted, part: int, chances: Sequence[torch.Generator]) -> list[int]:
    """Draws for each sample the first latent of the part that is decoded: none that was given clean is in it."""
    firsts = []
    for noised_F, one in zip(predicted.noised_BF.tolist(), chances, strict=True):
        least, most = noised_F.index(True), len(noised_F) - part
        firsts.append(int(torch.randint(least, most + 1, (), generator=one)))
    return firsts


def frames_of_part(first: int, part: int) -> slice:
    """Returns the frames of a window that a part is decoded to: 13 of 4 latents."""
    start = FRAMES_PER_LATENT * first
    return slice(start, start + frames_in(part))


def frames_in(part: int) -> int:
    """Returns how many frames so many latents are decoded to, whatever came before them."""
    return 1 + FRAMES_PER_LATENT * (part - 1)


def decoded_part(
    vae: AutoencoderKLWan,
    z_CFHW: Tensor,
    first: int,
    part: int,
    recompute: bool = False,
    view: View | None = None,
) -> Tensor:
    """Returns the pictures (3, F, H, W) of a part of one clip's latents, or a view of them; -1..1 where they are any.

    `recompute` decodes again in the backward pass: what the decoder keeps for it is a hundred times the pictures.
    """

    def run(z_1CFHW: Tensor) -> Tensor:
        return decode_window(vae, denormalised(vae, z_1CFHW), first, part, view)

    z_1CFHW = z_CFHW[None]
    made = checkpoint(run, z_1CFHW, use_reentrant=False) if recompute else run(z_1CFHW)
    return made[0, :, -frames_in(part) :]
