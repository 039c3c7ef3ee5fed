"""Computes the two layers of the VAEs that take nearly all the time, with gradients written out.

Both are what PyTorch would make of the same sums, to rounding. But it would keep three times as much for the backward
pass, and take half as long again over it. B clips, T frames, O and C channels, H by W pixels.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv2d, silu
from torch.nn.grad import conv2d_weight

from models.vae.layout import channels_last, joined

TINY = 1e-12
"""Vectors shorter than this are divided by it, as in the library."""


def over_space(x_BTCHW: Tensor, weight_OCHW: Tensor, bias_O: Tensor | None) -> Tensor:
    """Convolves each frame."""
    seen_NCHW = channels_last(x_BTCHW).flatten(0, 1)
    made_NOHW = conv2d(seen_NCHW, weight_OCHW, bias_O, padding=weight_OCHW.shape[-1] // 2)
    return made_NOHW.unflatten(0, x_BTCHW.shape[:2])


def over_three(past_BTCHW: Tensor, x_BTCHW: Tensor, weight_OCTHW: Tensor, bias_O: Tensor | None) -> Tensor:
    """Convolves each frame with the two before it; the first one's are in `past`, to which no gradient goes."""
    assert past_BTCHW.shape[1] == 2, past_BTCHW.shape
    assert not past_BTCHW.requires_grad
    return _OverThree.apply(past_BTCHW, x_BTCHW, weight_OCTHW, bias_O)


def in_threes(x_BTCHW: Tensor) -> Tensor:
    """Returns frames 0 to T - 3 as channels, each with the two after it."""
    frames = x_BTCHW.shape[1] - 2
    return joined([x_BTCHW[:, step : step + frames] for step in range(3)], 2)


def flat(weight_OCTHW: Tensor) -> Tensor:
    """Returns the kernel over space whose channels are the frames that it looks at."""
    return weight_OCTHW.transpose(1, 2).flatten(1, 2)


class _OverThree(torch.autograd.Function):
    """One convolution over space, whose channels are three frames'; its gradient is another one."""

    @staticmethod
    def forward(ctx: Any, past_BTCHW: Tensor, x_BTCHW: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(past_BTCHW, x_BTCHW, weight)
        return over_space(in_threes(joined([past_BTCHW, x_BTCHW], 1)), flat(weight), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_BTOHW: Tensor) -> tuple[Tensor | None, ...]:
        past_BTCHW, x_BTCHW, weight = ctx.saved_tensors
        to_x = to_weight = to_bias = None
        if ctx.needs_input_grad[1]:
            after_BTOHW = slope_BTOHW.new_zeros(slope_BTOHW.shape[0], 2, *slope_BTOHW.shape[2:])
            back = weight.to(slope_BTOHW).flip(2, 3, 4).transpose(0, 1)
            to_x = over_space(in_threes(joined([slope_BTOHW, after_BTOHW], 1)), flat(back), None)
        if ctx.needs_input_grad[2]:
            seen = in_threes(joined([past_BTCHW, x_BTCHW], 1)).to(slope_BTOHW).flatten(0, 1)
            size, edge = flat(weight).shape, weight.shape[-1] // 2
            flat_ = conv2d_weight(seen, size, slope_BTOHW.flatten(0, 1), padding=edge)
            to_weight = flat_.unflatten(1, (3, -1)).transpose(1, 2)
        if ctx.needs_input_grad[3]:
            to_bias = slope_BTOHW.sum((0, 1, 3, 4))
        return None, to_x, to_weight, to_bias


def normed_and_bent(x_BTCHW: Tensor, gain_C11: Tensor, bias_C11: Tensor | None) -> Tensor:
    """Norms the channels of each pixel to a length of 1, scales them, and applies SiLU.

    Halves are widened first, as the library does, so that they are rounded once. A sum of squares over channels is
    several times quicker than PyTorch's norm of a vector.
    """
    return _NormedAndBent.apply(x_BTCHW, gain_C11, bias_C11)


class _NormedAndBent(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_BTCHW: Tensor, gain_C11: Tensor, bias_C11: Tensor | None) -> Tensor:
        wide = x_BTCHW.float() if x_BTCHW.dtype in (torch.float16, torch.bfloat16) else x_BTCHW
        length_BT1HW = wide.square().sum(2, keepdim=True).clamp_(min=TINY**2).sqrt_()
        even_BTCHW = (wide / length_BT1HW).type_as(x_BTCHW)
        ctx.save_for_backward(even_BTCHW, length_BT1HW, gain_C11, bias_C11)
        return silu(_scaled(even_BTCHW, gain_C11, bias_C11))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_BTCHW: Tensor) -> tuple[Tensor | None, ...]:
        """What would make a vector longer makes no difference, as its length is taken from it."""
        even_BTCHW, length_BT1HW, gain_C11, bias_C11 = ctx.saved_tensors
        scaled_BTCHW = _scaled(even_BTCHW, gain_C11, bias_C11)
        slope_BTCHW = torch.ops.aten.silu_backward(slope_BTCHW, scaled_BTCHW)
        to_even = slope_BTCHW * gain_C11
        along_BT1HW = (to_even * even_BTCHW).sum(2, keepdim=True)
        to_x = torch.addcmul(to_even, even_BTCHW, along_BT1HW, value=-1).div_(length_BT1HW)
        to_gain = to_bias = None
        if ctx.needs_input_grad[1]:
            to_gain = (slope_BTCHW * even_BTCHW).sum((0, 1, 3, 4)).view_as(gain_C11)
        if ctx.needs_input_grad[2]:
            to_bias = slope_BTCHW.sum((0, 1, 3, 4)).view_as(gain_C11)
        return to_x, to_gain, to_bias


def _scaled(even_BTCHW: Tensor, gain_C11: Tensor, bias_C11: Tensor | None) -> Tensor:
    scaled_BTCHW = even_BTCHW * gain_C11
    return scaled_BTCHW if bias_C11 is None else scaled_BTCHW + bias_C11
