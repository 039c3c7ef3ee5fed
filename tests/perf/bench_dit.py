"""The mini DiT, forward and backward on one core, beside the same network written plainly (tests/perf/plain_dit.py)."""

import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from models.dit.cost import example
from models.dit.inputs import DitInput
from models.dit.net import VideoDit
from models.dit.presets import MINI
from models.dit.speedup import compiled
from tests.perf import plain_dit
from tests.perf.line import Line, Say

ROUNDS = 4
Net = Callable[[DitInput], Tensor]


def lines(say: Say) -> list[Line]:
    say("the mini DiT's editor on 25 frames, and the same weights in plain code")
    torch.set_num_threads(1)
    net = started()
    sequence = example("mini", "cpu", torch.float32)

    def plain(sequence: DitInput) -> Tensor:
        return plain_dit.forward(net, sequence)

    off = (net(sequence) - plain(sequence)).abs().max()
    assert off < 1e-3, f"not the same network: they differ by {off:.2g}"
    ours, theirs = _quickest(net, sequence), _quickest(plain, sequence)
    kept, kept_plain = _kept(net, sequence), _kept(plain, sequence)
    say("compiling its blocks")
    quick = _quickest(compiled(net), sequence)
    return [
        Line("forward and backward, over plain", ours / theirs, "x", at_most=1.0, note=f"{ours:.2f} s"),
        Line(
            "kept for the backward, over plain", kept / kept_plain, "x", at_most=1.0, note=f"{kept >> 20} MiB"
        ),
        Line("compiled, over not compiled", quick / ours, "x", at_most=1.0),
    ]


def started() -> VideoDit:
    """With random numbers where a new net has zeros, so that every part says something."""
    torch.manual_seed(0)
    net = VideoDit(MINI)
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    return net


def _quickest(net: Net, sequence: DitInput) -> float:
    taken = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        net(sequence).square().mean().backward()
        taken.append(time.process_time() - begun)
    return min(taken)


def _kept(net: Net, sequence: DitInput) -> int:
    """Bytes of activations that autograd holds between the two passes, each storage once."""
    held: dict[int, int] = {}
    alive = []  # or the next tensor would get the same place

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        alive.append(tensor)
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        net(sequence)
    return sum(held.values())
