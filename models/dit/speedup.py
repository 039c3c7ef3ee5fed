"""Makes a net quicker where it runs; what each way costs in accuracy is said, and held to a bound.

    use_flash_attention_3()                FlashAttention 3 where it is installed; the same but for rounding
    compiled(net)           norms, modulation and rotation become one kernel each; the same but for rounding
    fused(net)              one product for queries, keys and values; the same but for rounding
    in_float8(net, ...)      products in float8; refused where a velocity changes by more than it may
    Replayed(net)           a forward pass recorded once and replayed (CUDA graph); the same, bit for bit

`make bench-gpu` times each beside the plain net; on a CPU only compiling pays (`python -m tests.perf dit`).
"""

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import ScalingType, scaled_mm

from models.dit.inputs import DitInput
from models.dit.net import Attention, VideoDit

MOST = 0.05
"""Of a velocity may change by float8, unless more is allowed: a product of two random matrices changes by 0.035."""
LARGEST = torch.finfo(torch.float8_e4m3fn).max
EVEN = 16
"""Sizes have to divide by this for products in float8."""


def use_flash_attention_3() -> bool:
    """Switches attention to FlashAttention 3 in this process, if it is there, and returns whether it is."""
    hopper = torch.cuda.is_available() and torch.cuda.get_device_capability()[0] == 9
    if not hopper or find_spec("flash_attn_interface") is None:
        return False
    torch.nn.attention.activate_flash_attention_impl("FA3")
    return True


def compiled(net: VideoDit, backend: str = "inductor") -> VideoDit:
    """Compiles a net block by block: all have one shape, so one is compiled, in a minute, and serves them all."""
    # With a CUDA toolkit and no GPU it says so, each time, to whoever compiles for a CPU.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    for block in net.blocks:
        block.compile(backend=backend)
    return net


def fused(net: VideoDit) -> VideoDit:
    """Fuses queries, keys and values into one product, for inference: afterwards nothing can be loaded or saved."""
    _check_alone(net, "fused")
    for block in net.blocks:
        for name in ("self_attn", "spatial_attn"):
            if hasattr(block, name):
                setattr(block, name, _Fused(getattr(block, name)))
    return net


class _Fused(Attention):
    """Sees its own tokens, and reads them once for queries, keys and values."""

    def __init__(self, was: Attention):
        nn.Module.__init__(self)
        self.heads, self.o, self.norm_q, self.norm_k = was.heads, was.o, was.norm_q, was.norm_k
        dim = was.q.in_features
        self.qkv = nn.Linear(dim, 3 * dim, device="meta")
        for kind in ("weight", "bias"):
            joined = torch.cat([getattr(one, kind).detach() for one in (was.q, was.k, was.v)])
            setattr(self.qkv, kind, nn.Parameter(joined, requires_grad=False))

    def projected(self, x_BTD: Tensor, seen_BLD: Tensor) -> Sequence[Tensor]:
        assert seen_BLD is x_BTD
        return self.qkv(x_BTD).chunk(3, -1)


class Float8Linear(nn.Module):
    """A Linear in float8: its weights by one scale for each output, what comes in by one for each token."""

    weight_OI: Tensor
    scale_1O: Tensor

    def __init__(self, linear: nn.Linear):
        super().__init__()
        weight_OI, scale_O1 = _rounded(linear.weight.detach())
        self.register_buffer("weight_OI", weight_OI)
        self.register_buffer("scale_1O", scale_O1.t().contiguous())
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        x_TI, scale_T1 = _rounded(x.flatten(0, -2))
        row = ScalingType.RowWise
        made_TO = scaled_mm(
            x_TI, self.weight_OI.t(), scale_T1, row, self.scale_1O, row, bias=self.bias, output_dtype=x.dtype
        )
        return made_TO.unflatten(0, x.shape[:-1])


def _rounded(x_TI: Tensor) -> tuple[Tensor, Tensor]:
    """Float8, and for each row what to multiply it by again."""
    scale_T1 = x_TI.abs().amax(-1, keepdim=True).float().clamp(min=1e-12) / LARGEST
    return (x_TI / scale_T1).to(torch.float8_e4m3fn), scale_T1


@torch.inference_mode()
def in_float8(net: VideoDit, sequence: DitInput, most: float = MOST) -> float:
    """Puts the blocks' products into float8, for inference, and returns by what share of itself a velocity changes.

    `sequence` has to be what the net will be shown: the change depends on it. Beyond `most` the net is put back.
    """
    _check_alone(net, "in_float8")
    before = net(sequence)
    was = {
        f"blocks.{name}": module
        for name, module in net.blocks.named_modules()
        if isinstance(module, nn.Linear) and not any(side % EVEN for side in module.weight.shape)
    }
    for name, linear in was.items():
        net.set_submodule(name, Float8Linear(linear))
    change = float((net(sequence) - before).float().norm() / before.float().norm())
    if change <= most:
        return change
    for name, linear in was.items():
        net.set_submodule(name, linear)
    raise ValueError(
        f"in float8 this net's velocity changes by {change:.3f} of itself, and {most:g} is allowed; "
        "do without float8, or allow more"
    )


class Replayed:
    """Calls a net by replaying what it did before: for nets so small that starting kernels takes longer than they do.

    The weights must stay where they are, and shapes repeat; each new one is recorded, and takes memory of its own.
    """

    def __init__(self, net: VideoDit):
        _check_alone(net, "recorded")
        self.net = net
        self.recorded: dict[Any, tuple[torch.cuda.CUDAGraph, DitInput, Tensor]] = {}

    @torch.inference_mode()
    def __call__(self, sequence: DitInput) -> Tensor:
        """Records a pass for each new shape, and replays it for all others of that shape."""
        key = (sequence.frames, tuple(None if t is None else (t.shape, t.dtype) for t in _tensors(sequence)))
        if key not in self.recorded:
            self.recorded[key] = self._record(sequence)
        graph, shown, made = self.recorded[key]
        for place, given in zip(_tensors(shown), _tensors(sequence), strict=True):
            if place is not None and given is not None:
                place.copy_(given)
        graph.replay()
        return made.clone()

    def _record(self, sequence: DitInput) -> tuple[torch.cuda.CUDAGraph, DitInput, Tensor]:
        """After passes on another stream, as recording wants it: whatever is made once is made there."""
        latents, times, audio, text = (None if t is None else t.clone() for t in _tensors(sequence))
        assert latents is not None
        assert times is not None
        shown = DitInput(latents, sequence.frames, times, audio, text)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):
                self.net(shown)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            made = self.net(shown)
        return graph, shown, made


def _check_alone(net: VideoDit, done: str) -> None:
    """What replaces a layer would drop the experts that adapt it; what is recorded would never switch."""
    if hasattr(net, "peft_config"):
        raise ValueError(
            f"a net with experts cannot be {done}: they would be lost; do without them, or without this"
        )


def _tensors(sequence: DitInput) -> tuple[Tensor | None, ...]:
    return sequence.latents_BCFHW, sequence.times_B3, sequence.audio_BFNA, sequence.text_BLX
