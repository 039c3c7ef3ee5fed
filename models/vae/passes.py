"""Takes a whole clip through the VAE in one pass, several times quicker on a CPU than the library's pieces.

Both ways have two halves: the outer layers, where pictures are big and layers look at little of them, and the inner
ones at the size of the latents, where attention looks at all of a picture. Tiles cut the first and never the second.
What leaves either way lies in memory as its shape says, whatever order is best within: files take no other.
"""

from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import patchify, unpatchify
from torch import Tensor

from models.vae.layers import Run, bent, run_layer
from models.vae.shapes import check_latents, check_video, pixels_per_latent
from models.vae.view import Cuts, View


def encode(vae: AutoencoderKLWan, video_BCTHW: Tensor, trunk_only: bool = False) -> Tensor:
    """Encodes -1..1 to the mean of the posterior, as the checkpoint gives it (see `normalised`)."""
    check_video(vae, video_BCTHW)
    run = Run(trunk_only)
    return encode_inner(vae, encode_outer(vae, video_BCTHW, run), run)


def decode(vae: AutoencoderKLWan, z_BCTHW: Tensor, trunk_only: bool = False) -> Tensor:
    """Decodes latents: the first becomes one frame, each after it four. Not cut to -1..1, so that gradients pass."""
    check_latents(vae, z_BCTHW)
    run = Run(trunk_only)
    return decode_outer(vae, decode_inner(vae, z_BCTHW, run), run)


def encode_outer(vae: AutoencoderKLWan, video_BCTHW: Tensor, run: Run) -> Tensor:
    """Runs the encoder's layers at the size of the pictures."""
    x_BTCHW = patchify(video_BCTHW, vae.config.patch_size or 1).transpose(1, 2)
    for block in (vae.encoder.conv_in, *vae.encoder.down_blocks):
        x_BTCHW = run_layer(block, x_BTCHW, run)
    return x_BTCHW


def encode_inner(vae: AutoencoderKLWan, x_BTCHW: Tensor, run: Run) -> Tensor:
    """Runs the encoder's layers at the size of the latents."""
    x_BTCHW = bent(vae.encoder.norm_out, run_layer(vae.encoder.mid_block, x_BTCHW, run))
    x_BTCHW = run_layer(vae.quant_conv, run_layer(vae.encoder.conv_out, x_BTCHW, run), run)
    return x_BTCHW[:, :, : vae.config.z_dim].transpose(1, 2).contiguous()


def decode_inner(vae: AutoencoderKLWan, z_BCTHW: Tensor, run: Run) -> Tensor:
    """Runs the decoder's layers at the size of the latents."""
    x_BTCHW = run_layer(vae.post_quant_conv, z_BCTHW.transpose(1, 2), run)
    return run_layer(vae.decoder.mid_block, run_layer(vae.decoder.conv_in, x_BTCHW, run), run)


def decode_outer(vae: AutoencoderKLWan, x_BTCHW: Tensor, run: Run, view: View | None = None) -> Tensor:
    """Runs the decoder's layers at the size of the pictures; for a `view` of them on no more than it takes."""
    height, width = x_BTCHW.shape[-2:]
    side = pixels_per_latent(vae)
    cuts = Cuts(vae, (height, width), view or View((0, side * height), (0, side * width)))
    for block, needed in cuts.blocks(vae):
        x_BTCHW = run_layer(block, cuts.cut(x_BTCHW, needed, block), run)
    x_BTCHW = run_layer(vae.decoder.conv_out, bent(vae.decoder.norm_out, x_BTCHW), run)
    return cuts.pictures(unpatchify(x_BTCHW.transpose(1, 2), vae.config.patch_size or 1)).contiguous()
