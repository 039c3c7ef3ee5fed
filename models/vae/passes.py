"""A whole clip through the VAE in one pass, several times quicker on a CPU than the library's pieces.

Both ways have two halves: `sides` is where pictures are big and layers look at little of them, `heart` is at
the size of the latents, where attention looks at all of a picture. Tiles cut the first and never the second.
"""

from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import patchify, unpatchify
from torch import Tensor

from models.vae.layers import Run, normed, through
from models.vae.shapes import check_latents, check_video


def encode(vae: AutoencoderKLWan, video_BCTHW: Tensor, straight: bool = False) -> Tensor:
    """-1..1 in; the mean of the posterior out, as the checkpoint gives it (see `normalised`)."""
    check_video(vae, video_BCTHW)
    run = Run(straight)
    return encode_heart(vae, encode_sides(vae, video_BCTHW, run), run)


def decode(vae: AutoencoderKLWan, z_BCTHW: Tensor, straight: bool = False) -> Tensor:
    """The first latent becomes one frame, each after it four. Not cut to -1..1, so that gradients pass."""
    check_latents(vae, z_BCTHW)
    run = Run(straight)
    return decode_sides(vae, decode_heart(vae, z_BCTHW, run), run)


def encode_sides(vae: AutoencoderKLWan, video_BCTHW: Tensor, run: Run) -> Tensor:
    x_BTCHW = patchify(video_BCTHW, vae.config.patch_size or 1).transpose(1, 2)
    for block in (vae.encoder.conv_in, *vae.encoder.down_blocks):
        x_BTCHW = through(block, x_BTCHW, run)
    return x_BTCHW


def encode_heart(vae: AutoencoderKLWan, x_BTCHW: Tensor, run: Run) -> Tensor:
    x_BTCHW = normed(vae.encoder.norm_out, through(vae.encoder.mid_block, x_BTCHW, run))
    x_BTCHW = through(vae.quant_conv, through(vae.encoder.conv_out, x_BTCHW, run), run)
    return x_BTCHW[:, :, : vae.config.z_dim].transpose(1, 2)


def decode_heart(vae: AutoencoderKLWan, z_BCTHW: Tensor, run: Run) -> Tensor:
    x_BTCHW = through(vae.post_quant_conv, z_BCTHW.transpose(1, 2), run)
    return through(vae.decoder.mid_block, through(vae.decoder.conv_in, x_BTCHW, run), run)


def decode_sides(vae: AutoencoderKLWan, x_BTCHW: Tensor, run: Run) -> Tensor:
    for block in vae.decoder.up_blocks:
        x_BTCHW = through(block, x_BTCHW, run)
    x_BTCHW = through(vae.decoder.conv_out, normed(vae.decoder.norm_out, x_BTCHW), run)
    return unpatchify(x_BTCHW.transpose(1, 2), vae.config.patch_size or 1)
