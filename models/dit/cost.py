"""Measures what a forward pass of each preset costs.

Operations are counted without memory, time and memory measured where it is run.

The share of the machine's peak is against a large matrix product, measured just before on the same device and in
the same precision. Attention is counted apart: its share grows with the clip, that of everything else does not.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakSet, finalize

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from models.dit.config import DitConfig
from models.dit.inputs import DitInput, editor_input
from models.dit.net import VideoDit
from models.dit.presets import PRESETS, on_meta

ATTENTION = ("attention", "bmm")
"""Parts of the names of operations that grow with the square of the tokens."""


@dataclass(frozen=True)
class Shape:
    """Size of the latents of a clip that the preset is made for."""

    frames: int
    side: int
    said: str


SHAPES = {
    "mini": Shape(7, 16, "25 frames of 64x64"),
    "1b": Shape(7, 64, "25 frames of 512x512"),
    "wan-1.3b": Shape(20, 64, "77 frames of 512x512"),
    "wan2.2-5b-xdub": Shape(20, 32, "77 frames of 512x512"),
}


@dataclass(frozen=True)
class Cost:
    """What one forward pass of the editor costs."""

    name: str
    clip: str
    parameters: int
    linear: int
    """Operations of one editor forward pass without attention: twice the multiplications."""
    attention: int
    seconds: float | None = None
    """None where it was not run."""
    share: float | None = None
    """Of the peak, attention counted."""
    memory: int | None = None
    """Bytes at the most, weights included; None where it was not run."""


def example(name: str, device: str, dtype: torch.dtype, batch: int = 1, seed: int = 0) -> DitInput:
    """Makes an editor's input of the size that the preset is made for, of random numbers."""
    config, shape = PRESETS[name], SHAPES[name]
    made = torch.Generator().manual_seed(seed)

    def numbers(*sizes: int) -> Tensor:
        if device == "meta":
            return torch.empty(sizes, device="meta", dtype=dtype)
        return torch.randn(sizes, generator=made).to(device, dtype)

    video = (batch, config.channels, shape.frames, shape.side, shape.side)
    audio = numbers(batch, shape.frames, config.audio.window, config.audio.features)
    text = numbers(batch, 1, config.text) if config.text else None
    given = (numbers(*video), numbers(*video))
    if device == "meta":  # whether numbers are finite can't be asked of none
        return DitInput(
            torch.cat(given[::-1], 2), (shape.frames, 0, shape.frames), numbers(batch, 3), audio, text
        )
    return editor_input(*given, torch.full((batch,), 0.5, device=device), audio, text)


def counted(name: str) -> Cost:
    """Counts the operations of a preset on the meta device: in seconds, for any size."""
    config = PRESETS[name]
    net = on_meta(config)
    linear, attention = _operations(net, example(name, "meta", torch.float32))
    weights = sum(tensor.numel() for tensor in net.state_dict().values())
    return Cost(name, SHAPES[name].said, weights, linear, attention)


def counted_of(config: DitConfig, sequence: DitInput) -> int:
    """Counts all operations of a forward pass over an input of these sizes; its numbers are not looked at."""
    audio, text = (t if t is None else t.to("meta") for t in (sequence.audio_BFNA, sequence.text_BLX))
    there = DitInput(
        sequence.latents_BCFHW.to("meta"), sequence.frames, sequence.times_B3.to("meta"), audio, text
    )
    return sum(_operations(on_meta(config).to(there.latents_BCFHW.dtype), there))


def _operations(net: VideoDit, sequence: DitInput) -> tuple[int, int]:
    """Without attention, and of attention."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(sequence)
    kinds = counter.get_flop_counts()["Global"]
    attention = sum(count for kind, count in kinds.items() if any(part in str(kind) for part in ATTENTION))
    return counter.get_total_flops() - attention, attention


def timed(name: str, device: str, dtype: torch.dtype, peak: float, repeats: int = 5) -> Cost:
    """Times a net with random weights, without gradients; the first pass is not counted."""
    cost = counted(name)
    with torch.device(device):
        net = VideoDit(PRESETS[name]).to(dtype).eval()
    sequence = example(name, device, dtype)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with torch.inference_mode():
        seconds = quickest(lambda: net(sequence), device, repeats)
        memory = torch.cuda.max_memory_allocated() if device == "cuda" else _held(net, sequence)
    return replace(
        cost, seconds=seconds, share=(cost.linear + cost.attention) / seconds / peak, memory=memory
    )


@torch.inference_mode()
def _held(net: VideoDit, sequence: DitInput) -> int:
    """Bytes at the most in a pass, of tensors; a CPU's allocator does not say."""
    weights = sum(tensor.nbytes for tensor in net.state_dict().values())
    with _Alive() as alive:
        net(sequence)
    return weights + alive.most


class _Alive(TorchDispatchMode):
    """Adds up what operations make while it lives."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.seen: WeakSet[Any] = WeakSet()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor) and (storage := tensor.untyped_storage()) not in self.seen:
                self.seen.add(storage)
                self.now += storage.nbytes()
                self.most = max(self.most, self.now)
                finalize(storage, self._gone, storage.nbytes())
        return made

    def _gone(self, size: int) -> None:
        self.now -= size


def peak_of(device: str, dtype: torch.dtype, side: int = 0) -> float:
    """Measures operations a second in the product of two large matrices, or of two with so many rows."""
    side = side or (8192 if device == "cuda" else 2048)
    one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / quickest(lambda: one @ other, device, 5)


def quickest(call: Callable[[], object], device: str, repeats: int) -> float:
    """Returns the seconds of the best of some runs: what is slower was disturbed."""
    taken = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - begun)
    return min(taken[1:])
