"""The video DiT written plainly, over the same weights: what the product is measured beside.

A time for every token, hence modulation for every token; rotation in complex128, kept for nobody; attention as two
products and a softmax, one frame after the other where frames see only themselves.
"""

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, pad

from models.dit.inputs import DitInput
from models.dit.net import Attention, Block, VideoDit
from models.dit.rope import BASE, split


def forward(net: VideoDit, sequence: DitInput) -> Tensor:
    config, reference = net.config, sequence.frames[0]
    shown_BCFHW, skipped_BCFHW, scale_BCF11 = _preconditioned(net, sequence)
    x_BDFHW = net.patch_embedding(shown_BCFHW)
    frames, rows, columns = x_BDFHW.shape[2:]
    x_BTD, frame = x_BDFHW.flatten(2).transpose(1, 2), rows * columns
    times_BT = sequence.times_B3.repeat_interleave(
        frame * torch.tensor(sequence.frames, device=x_BTD.device), 1
    )
    half = config.frequencies // 2
    angles = (
        1000
        * times_BT.double()[..., None]
        * 10000.0 ** -(torch.arange(half, device=x_BTD.device).double() / half)
    )
    clock_BTD = net.time_embedding(torch.cat([angles.cos(), angles.sin()], -1).to(x_BTD.dtype))
    rows_BTRD = net.time_projection(clock_BTD).unflatten(2, (config.rows, -1))
    assert sequence.audio_BFNA is not None
    audio_BFND = net.audio_embedding(sequence.audio_BFNA)
    text_BLD = sequence.text_BLX
    if text_BLD is not None:
        text_BLD = net.text_embedding(pad(text_BLD, (0, 0, 0, config.text_tokens - text_BLD.shape[1])))
    grid = (reference, frames - reference, rows, columns)
    turns_Tc = _turns(config.dim // config.heads, *grid, config.reference_shift).to(x_BTD.device)
    for block in net.blocks:
        assert isinstance(block, Block)
        x_BTD = _block(block, x_BTD, rows_BTRD, audio_BFND, text_BLD, grid, turns_Tc)
    x_BTD, clock_BTD = x_BTD[:, reference * frame :], clock_BTD[:, reference * frame :]
    shift, scale = (net.head.modulation[:, None] + clock_BTD[:, :, None]).unbind(2)
    made_BCFHW = net.unpatched(
        net.head.head(_normed(x_BTD) * (1 + scale) + shift), frames - reference, rows, columns
    )
    return skipped_BCFHW + scale_BCF11 * made_BCFHW


def _preconditioned(net: VideoDit, sequence: DitInput) -> tuple[Tensor, Tensor | float, Tensor | float]:
    """What the net is shown, what is added to its answer, and what that is multiplied by; a frame at a time."""
    if not net.config.preconditioned:
        return sequence.latents_BCFHW, 0.0, 1.0
    s_1C111, channels = net.channel_scale[None, :, None, None, None], len(net.channel_scale)
    shown, skipped, scales = [], [], []
    starts = [stretch for stretch, count in enumerate(sequence.frames) for _ in range(count)]
    for frame, stretch in enumerate(starts):
        t_B1111 = sequence.times_B3[:, stretch, None, None, None, None]
        x_BC1HW = sequence.latents_BCFHW[:, :, frame : frame + 1]
        variance = (1 - t_B1111) ** 2 * s_1C111**2 + t_B1111**2
        noised = x_BC1HW[:, -channels:]
        seen = noised * (((1 - t_B1111) ** 2 + t_B1111**2) / variance) ** 0.5
        shown.append(
            torch.cat([x_BC1HW[:, :-channels] / s_1C111, seen], 1) if net.config.stacked > 1 else seen
        )
        skipped.append((t_B1111 - (1 - t_B1111) * s_1C111**2) / variance * noised)
        scales.append(s_1C111 / variance**0.5)
    first = sequence.frames[0]
    return torch.cat(shown, 2), torch.cat(skipped[first:], 2), torch.cat(scales[first:], 2)


def _block(
    block: Block,
    x: Tensor,
    rows_BTRD: Tensor,
    audio_BFND: Tensor,
    text_BLD: Tensor | None,
    grid: tuple[int, int, int, int],
    turns_Tc: Tensor,
) -> Tensor:
    rows = (block.modulation[:, None] + rows_BTRD).unbind(2)
    first, frame = grid[0] * grid[2] * grid[3], grid[2] * grid[3]
    if len(rows) > 6:
        seen = _normed(x) * (1 + rows[7]) + rows[6]
        own = [_attend(block.spatial_attn, f, f, turns_Tc[:frame]) for f in seen.split(frame, 1)]
        x = x + rows[8] * torch.cat(own, 1)
    seen = _normed(x) * (1 + rows[1]) + rows[0]
    x = x + rows[2] * _attend(block.self_attn, seen, seen, turns_Tc)
    target = x[:, first:]
    if text_BLD is not None:
        target = target + _attend(block.cross_attn, block.norm3(target), text_BLD)
    heard = [
        _attend(block.audio_attn, block.norm4(target[:, f * frame : (f + 1) * frame]), audio_BFND[:, f])
        for f in range(grid[1])
    ]
    x = torch.cat([x[:, :first], target + torch.cat(heard, 1)], 1)
    return x + rows[5] * block.ffn(_normed(x) * (1 + rows[4]) + rows[3])


def _attend(attention: Attention, x: Tensor, seen: Tensor, turns_Tc: Tensor | None = None) -> Tensor:
    q = attention.norm_q(attention.q(x)).unflatten(-1, (attention.heads, -1)).transpose(1, 2)
    k = attention.norm_k(attention.k(seen)).unflatten(-1, (attention.heads, -1)).transpose(1, 2)
    v = attention.v(seen).unflatten(-1, (attention.heads, -1)).transpose(1, 2)
    if turns_Tc is not None:
        q, k = _turned(q, turns_Tc), _turned(k, turns_Tc)
    share = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
    return attention.o((share @ v).transpose(1, 2).flatten(2))


def _turned(x: Tensor, turns_Tc: Tensor) -> Tensor:
    turned = torch.view_as_complex(x.double().unflatten(-1, (-1, 2))) * turns_Tc
    return torch.view_as_real(turned).flatten(-2).to(x.dtype)


def _turns(head: int, reference: int, target: int, rows: int, columns: int, shift: int) -> Tensor:
    down, right = (shift, shift) if shift else (rows, columns)
    places = [(f, i + down, j + right) for f in range(reference) for i in range(rows) for j in range(columns)]
    places += [(f, i, j) for f in range(target) for i in range(rows) for j in range(columns)]
    where = torch.tensor(places, dtype=torch.float64)
    angles = [
        where[:, [axis]] * BASE ** -(torch.arange(0, size, 2, dtype=torch.float64) / size)
        for axis, size in enumerate(split(head))
    ]
    whole = torch.cat(angles, 1)
    return torch.polar(torch.ones_like(whole), whole)


def _normed(x: Tensor) -> Tensor:
    return layer_norm(x, x.shape[-1:], eps=1e-6)
