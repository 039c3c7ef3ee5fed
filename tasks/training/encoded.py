"""Turns batches of pixels into batches of latents, on the device of the VAE."""

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import AutoencoderKLWan

from models.dit.inputs import grey_where_masked
from models.vae.pictures import as_video, encoded

PIXELS = ("video_BFHWC", "inpaint_BFHW", "reference_BHWC")


@torch.no_grad()
def encode_windows(vae: AutoencoderKLWan, batch: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the batch with target, masked and reference as latents in place of pixels; one that has them as it is.

    No gradient flows into the VAE. (Inference mode would forbid a later backward pass to save what comes out.)
    """
    if PIXELS[0] not in batch:
        return dict(batch)
    video_BFHWC, inpaint_BFHW, reference_BHWC = (batch[name].to(vae.device) for name in PIXELS)
    video_BCFHW = as_video(video_BFHWC)
    return {name: value for name, value in batch.items() if name not in PIXELS} | {
        "target_BCFHW": encoded(vae, video_BCFHW),
        "masked_BCFHW": encoded(vae, grey_where_masked(video_BCFHW, ~inpaint_BFHW)),
        "reference_BCHW": encoded(vae, as_video(reference_BHWC[:, None]))[:, :, 0],
    }
