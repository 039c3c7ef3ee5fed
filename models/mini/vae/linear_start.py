"""Starts the training of the mini VAE as a linear codec, solved for layer by layer.

From random weights the VAE needs far more steps than a CPU gives. But with the second convolution of every residual
block at zero all that is left of the net, its trunk, is nearly linear: a convolution here and there. The encoder's
become the principal components of what they see, the decoder's the least-squares way back. Training then starts where
the best linear codec ends, and has only to add what bends.

Two things in the trunk are not linear, and are made so: SiLU by giving it x and -x, as silu(x) - silu(-x) = x;
the norm before it by a constant beside them, so large that the norm is nearly the same everywhere.

N rows of samples, K what one of them sees, C channels; the shapes of pictures are those of models/vae/__init__.py.
"""

from typing import Any

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import (
    WanAttentionBlock,
    WanCausalConv3d,
    WanResidualBlock,
)
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, unfold

CONSTANT = 6.0
"""The constant over the typical length of what is beside it."""
ROWS = 60_000
"""Samples of a fit."""


@torch.no_grad()
def start_linear(vae: AutoencoderKLWan, video_BCTHW: Tensor) -> None:
    """Makes the VAE a linear codec, in place; for two halvings of space and of time."""
    for module in vae.modules():
        if isinstance(module, WanResidualBlock):
            _silence(module.conv2)
            if isinstance(module.conv_shortcut, WanCausalConv3d):
                _embed(module.conv_shortcut)
        elif isinstance(module, WanAttentionBlock):
            _silence(module.proj)
    singles, levels = [], [video_BCTHW]
    encoder, decoder = vae.encoder, vae.decoder
    _embed(encoder.conv_in)
    for down in (encoder.down_blocks[1], encoder.down_blocks[3]):
        singles.append(_halve_space(down.resample[1], levels[-1]))
        levels.append(_halve_time(down.time_conv, singles[-1], vae.config.z_dim))
    _linear_end(
        encoder.norm_out, encoder.down_blocks[4].conv_shortcut, encoder.conv_out, levels[-1], vae.config.z_dim
    )
    for conv in (vae.quant_conv, vae.post_quant_conv):
        _embed(conv)
    vae.quant_conv.bias[vae.config.z_dim :] = -10.0  # hardly any noise: only the mean is used
    _embed(decoder.conv_in)
    now = levels[-1][:, : vae.config.z_dim]
    for up, single, level in zip(decoder.up_blocks, singles[::-1], levels[-2::-1], strict=False):
        now = _double_time(up.upsamplers[0].time_conv, now, single)
        now = _double_space(up.upsamplers[0].resample[1], now, level)
    last = decoder.up_blocks[1].upsamplers[0].resample[1]
    _linear_end(decoder.norm_out, last, decoder.conv_out, now, video_BCTHW.shape[1])


def _silence(conv: Any) -> None:
    conv.weight.zero_()
    conv.bias.zero_()


def _embed(conv: WanCausalConv3d) -> None:
    """What comes in goes out, in the first channels."""
    _silence(conv)
    for c in range(min(conv.weight.shape[:2])):
        conv.weight[c, c, -1, conv.kernel_size[1] // 2, conv.kernel_size[2] // 2] = 1


def _halve_space(conv: nn.Conv2d, x_BCTHW: Tensor) -> Tensor:
    """Squares of 2x2 to their principal components."""
    x_NCHW = x_BCTHW.transpose(1, 2).flatten(0, 1)
    blocks_NKL = unfold(x_NCHW, 2, stride=2)
    basis_KC = _components(blocks_NKL.transpose(1, 2).flatten(0, 1), conv.out_channels)
    _silence(conv)
    taps = basis_KC.T.unflatten(1, (x_NCHW.shape[1], 2, 2))
    conv.weight[: taps.shape[0], : taps.shape[1], :2, :2] = taps
    out_NCHW = (basis_KC.T @ blocks_NKL).unflatten(2, (x_NCHW.shape[2] // 2, -1))
    return out_NCHW.unflatten(0, (len(x_BCTHW), -1)).transpose(1, 2)


def _halve_time(conv: WanCausalConv3d, x_BCTHW: Tensor, kept: int) -> Tensor:
    """Pairs of frames to the means of the first channels, and what changes most between the two.

    The first frame has no pair and passes as it is, so a mean stays in its channel.
    """
    one, two = x_BCTHW[:, :, 1::2], x_BCTHW[:, :, 2::2]
    rows_NC = ((two - one) / 2).movedim(1, -1).flatten(0, -2)
    changes_CK = _components(rows_NC, x_BCTHW.shape[1])
    most_K = (rows_NC @ changes_CK).square().mean(0)
    means_C = ((two + one) / 2).movedim(1, -1).flatten(0, -2).square().mean(0)
    kept = min(kept, x_BCTHW.shape[1])
    means = max(range(kept + 1), key=lambda m: float(means_C[:m].sum() + most_K[: kept - m].sum()))
    _silence(conv)
    for c in range(means):
        conv.weight[c, c, 1:] = 0.5
    changes = changes_CK[:, : kept - means].T
    conv.weight[means:kept, : changes.shape[1], 1, 0, 0] = -changes / 2
    conv.weight[means:kept, : changes.shape[1], 2, 0, 0] = changes / 2
    taps_OCK = conv.weight[: x_BCTHW.shape[1], : x_BCTHW.shape[1], 1:, 0, 0]
    pairs = torch.stack([one, two], -1)
    later = torch.einsum("ock,bcthwk->bothw", taps_OCK, pairs)
    first = x_BCTHW[:, :, :1].clone()
    return torch.cat([first, later], 2)


def _double_time(conv: WanCausalConv3d, x_BCTHW: Tensor, goal_BCTHW: Tensor) -> Tensor:
    """The frames but the first, from a latent frame and the two before it."""
    channels = goal_BCTHW.shape[1]
    later = pad(x_BCTHW[:, :, 1:], (0, 0, 0, 0, 2, 0))
    frames = x_BCTHW.shape[2] - 1
    seen = torch.stack([later[:, :, k : k + frames] for k in range(3)], 2)  # B C 3 T H W
    rows_NK = seen.movedim((1, 2), (-2, -1)).flatten(-2).flatten(0, -2)
    goal = torch.cat([goal_BCTHW[:, :, 1::2], goal_BCTHW[:, :, 2::2]], 1)
    weight_KO = _least_squares(rows_NK, goal.movedim(1, -1).flatten(0, -2))
    taps_OCK = weight_KO.T.unflatten(1, (x_BCTHW.shape[1], 3))
    _silence(conv)
    half = conv.out_channels // 2
    for part in range(2):
        rows = slice(part * half, part * half + channels)
        conv.weight[rows, : x_BCTHW.shape[1], :, 0, 0] = taps_OCK[part * channels : (part + 1) * channels]
    made = (rows_NK @ weight_KO).unflatten(0, (len(x_BCTHW), frames, *x_BCTHW.shape[3:])).movedim(-1, 1)
    one, two = made.split(channels, 1)
    pairs = torch.stack([one, two], 3).flatten(2, 3)
    first = x_BCTHW[:, :, :1]
    if first.shape[1] < channels:
        first = pad(first, (0, 0, 0, 0, 0, 0, 0, channels - first.shape[1]))
    return torch.cat([first[:, :channels], pairs], 2)


def _double_space(conv: nn.Conv2d, x_BCTHW: Tensor, goal_BCTHW: Tensor) -> Tensor:
    """From the nine squares around each, after every one has become four."""
    x_NCHW = x_BCTHW.transpose(1, 2).flatten(0, 1)
    seen_NKL = unfold(interpolate(x_NCHW, scale_factor=2.0), 3, padding=1)
    rows_NK = seen_NKL.transpose(1, 2).flatten(0, 1)
    goal_NC = goal_BCTHW.movedim(1, -1).flatten(0, -2)
    weight_KC = _least_squares(rows_NK, goal_NC)
    _silence(conv)
    conv.weight[: goal_NC.shape[1], : x_NCHW.shape[1]] = weight_KC.T.unflatten(1, (x_NCHW.shape[1], 3, 3))
    made = (rows_NK @ weight_KC).unflatten(0, goal_BCTHW.movedim(1, -1).shape[:-1])
    return made.movedim(-1, 1)


def _linear_end(norm: Any, before: Any, conv: WanCausalConv3d, x_BCTHW: Tensor, kept: int) -> None:
    """`before` gives x, -x and the constant; `conv` takes the difference of what SiLU makes of them."""
    wide = conv.in_channels
    assert wide > 2 * kept, f"{wide} channels hold no {kept} twice and a constant"
    length = float(x_BCTHW[:, :kept].square().sum(1).mean().sqrt())
    constant = CONSTANT * length
    before.weight[kept : 2 * kept] = -before.weight[:kept]
    before.weight[2 * kept :] = 0
    before.bias.zero_()
    before.bias[2 * kept] = constant
    norm.gamma.fill_(1.0)
    scale = float((constant**2 + 2 * length**2) ** 0.5) / wide**0.5
    _silence(conv)
    for c in range(kept):
        conv.weight[c, c, -1, 1, 1], conv.weight[c, kept + c, -1, 1, 1] = scale, -scale


def _some(rows_NK: Tensor) -> Tensor:
    return rows_NK[:: max(1, len(rows_NK) // ROWS)].double()


def _components(rows_NK: Tensor, most: int) -> Tensor:
    """The `most` orthogonal directions, around zero, that hold most of the rows."""
    some_NK = _some(rows_NK)
    _, vectors_KK = torch.linalg.eigh(some_NK.T @ some_NK / len(some_NK))
    return vectors_KK.flip(1)[:, :most].to(rows_NK)


def _least_squares(rows_NK: Tensor, goal_NC: Tensor) -> Tensor:
    some_NK, some_NC = _some(rows_NK), _some(goal_NC)
    gram_KK = some_NK.T @ some_NK
    gram_KK += 1e-5 * gram_KK.diagonal().mean() * torch.eye(len(gram_KK), dtype=gram_KK.dtype)
    return torch.linalg.solve(gram_KK, some_NK.T @ some_NC).to(rows_NK)
