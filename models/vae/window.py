"""Decodes some latents of a clip to the frames they have within all of it.

The decoder is causal: a frame is made of its own latent and of those before it. How many of them that is,
`latents_looked_back_at` says; it is 38 for Wan 2.1 and 2.2, 152 frames, so nearly always it is all there are. But
only the early layers, at the latents' size, look back that far; the late ones, where the pictures are big, need but a
few frames of the past: each layer is run for no more of the past than the layers after it look at.
"""

from collections.abc import Iterator

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import WanCausalConv3d, WanDecoder3d, WanResample
from torch import Tensor, nn

from models.vae.layers import Run, layers_of_up_block
from models.vae.passes import decode_inner, decode_outer
from models.vae.shapes import check_latents
from models.vae.view import View


def decode_window(
    vae: AutoencoderKLWan, z_BCTHW: Tensor, first: int, count: int, view: View | None = None
) -> Tensor:
    """Decodes latents first .. first + count - 1 to the very frames (`frames_of`) that `decode` makes of them.

    Latents before them are warmth only: no gradient goes there. Of a `view` of the pictures no more is computed than it
    takes. A pure function, which checkpointing may repeat.
    """
    length = z_BCTHW.shape[2]
    if first < 0 or count < 1 or first + count > length:
        raise ValueError(f"latents {first} to {first + count - 1} are no window of the {length} there are")
    check_latents(vae, z_BCTHW)
    before = iter(_states_before(vae, z_BCTHW[:, :, :first], view)) if first else None
    run = Run(begins=not first, before=before)
    return decode_outer(vae, decode_inner(vae, z_BCTHW[:, :, first : first + count], run), run, view)


def latents_looked_back_at(vae: AutoencoderKLWan) -> int:
    """Returns how many latents before a window its frames depend on; with fewer they would be wrong."""
    return _lookback(vae)[0]


@torch.no_grad()
def _states_before(vae: AutoencoderKLWan, z_BCTHW: Tensor, view: View | None) -> list[Tensor]:
    """What each causal convolution saw last before the window."""
    latents, enough = _lookback(vae)
    kept: list[Tensor] = []
    run = Run(begins=z_BCTHW.shape[2] <= latents, kept=kept, frames_needed=iter(enough))
    decode_outer(vae, decode_inner(vae, z_BCTHW[:, :, -latents:], run), run, view)
    return kept


def _lookback(vae: AutoencoderKLWan) -> tuple[int, list[int]]:
    """How far back the decoder looks, in latents, and how many frames before a window each convolution must make.

    From the last layer, which need make none, to the first: a convolution looks at two frames more than it
    makes, and one frame in front of a doubling of time makes two behind it.
    """
    need, enough = 0, []
    for part in reversed(list(_parts(vae.decoder))):
        if isinstance(part, WanResample) and part.mode == "upsample3d":
            need = (need + 1) // 2
        for conv in part.modules():
            if isinstance(conv, WanCausalConv3d) and conv.kernel_size[0] > 1:
                enough.append(need)
                need += conv.kernel_size[0] - 1
    return need, enough[::-1]


def _parts(decoder: WanDecoder3d) -> Iterator[nn.Module]:
    """In the order they run in."""
    yield from (decoder.conv_in, decoder.mid_block)
    for block in decoder.up_blocks:
        yield from layers_of_up_block(block)
    yield decoder.conv_out
