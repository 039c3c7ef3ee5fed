"""Turns batches of pixels into batches of latents, on the device of the VAE."""

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import AutoencoderKLWan

from models.dit.inputs import grey_where_masked
from models.vae.pictures import as_video, encoded

PIXELS = ("video_BFHWC", "inpaint_BFHW", "reference_BHWC", "companion_BFHWC")


def has_pixels(batch: Mapping[str, Any]) -> bool:
    """Whether anything in a batch is still to be encoded."""
    return any(name in batch for name in PIXELS)


@torch.no_grad()
def encode_windows(vae: AutoencoderKLWan, batch: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the batch with latents in place of pixels: target, masked, reference, companion, whichever it has.

    What is given as latents stays as it is. No gradient flows into the VAE. (Inference mode would forbid a later
    backward pass to save what comes out.)
    """
    given = {name: batch[name].to(vae.device) for name in PIXELS if name in batch}
    made = {}
    if "video_BFHWC" in given:
        video_BCFHW = as_video(given["video_BFHWC"])
        made["target_BCFHW"] = encoded(vae, video_BCFHW)
        if "inpaint_BFHW" in given:
            made["masked_BCFHW"] = encoded(vae, grey_where_masked(video_BCFHW, ~given["inpaint_BFHW"]))
    if "reference_BHWC" in given:
        made["reference_BCHW"] = encoded(vae, as_video(given["reference_BHWC"][:, None]))[:, :, 0]
    if "companion_BFHWC" in given:
        made["companion_BCFHW"] = encoded(vae, as_video(given["companion_BFHWC"]))
    return {name: value for name, value in batch.items() if name not in PIXELS} | made
