"""The video DiT's editor written plainly, over the same weights: what the product is measured beside.

A time for every token, hence modulation for every token; rotation in complex128 made anew in every layer; attention as
two products and a softmax. Mini's options only: no text, no 2D attention, one Linear for the sound.
"""

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from models.dit.conditions import Sequence
from models.dit.net import Attention, Block, VideoDit
from models.dit.rope import BASE, split


def forward(net: VideoDit, sequence: Sequence) -> Tensor:
    config, (reference, _, target) = net.config, sequence.frames
    x_BDFHW = net.patch_embedding(sequence.latents_BCFHW)
    frames, rows, columns = x_BDFHW.shape[2:]
    x_BTD, frame = x_BDFHW.flatten(2).transpose(1, 2), rows * columns
    times_BT = torch.cat(
        [
            sequence.times_B3[:, [0]].repeat(1, reference * frame),
            sequence.times_B3[:, [2]].repeat(1, target * frame),
        ],
        1,
    )
    half = config.frequencies // 2
    angles = (
        1000 * times_BT.double()[..., None] * 10000.0 ** -(torch.arange(half, dtype=torch.float64) / half)
    )
    clock_BTD = net.time_embedding(torch.cat([angles.cos(), angles.sin()], -1).to(x_BTD.dtype))
    rows_BT6D = net.time_projection(clock_BTD).unflatten(2, (6, -1))
    assert sequence.audio_BFNA is not None
    audio_BFND = net.audio_embedding(sequence.audio_BFNA)
    for block in net.blocks:
        assert isinstance(block, Block)
        x_BTD = _block(block, x_BTD, rows_BT6D, audio_BFND, (reference, frames - reference, rows, columns))
    x_BTD, clock_BTD = x_BTD[:, reference * frame :], clock_BTD[:, reference * frame :]
    shift, scale = (net.head.modulation[:, None] + clock_BTD[:, :, None]).unbind(2)
    return net._picture(
        net.head.head(_normed(x_BTD) * (1 + scale) + shift), frames - reference, rows, columns
    )


def _block(block: Block, x: Tensor, rows_BT6D: Tensor, audio_BFND: Tensor, grid: tuple[int, ...]) -> Tensor:
    shift, scale, gate, shift2, scale2, gate2 = (block.modulation[:, None] + rows_BT6D).unbind(2)
    seen = _normed(x) * (1 + scale) + shift
    x = x + gate * _attend(block.self_attn, seen, seen, _turns(x.shape[-1] // block.self_attn.heads, *grid))
    first, frame = grid[0] * grid[2] * grid[3], grid[2] * grid[3]
    target = x[:, first:]
    heard = [
        _attend(block.audio_attn, block.norm4(target[:, f * frame : (f + 1) * frame]), audio_BFND[:, f])
        for f in range(grid[1])
    ]
    x = torch.cat([x[:, :first], target + torch.cat(heard, 1)], 1)
    return x + gate2 * block.ffn(_normed(x) * (1 + scale2) + shift2)


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


def _turns(head: int, reference: int, target: int, rows: int, columns: int) -> Tensor:
    places = [
        (f, i + rows, j + columns) for f in range(reference) for i in range(rows) for j in range(columns)
    ]
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
