"""Calls a network that is elsewhere, as on a GPU and in bf16, with tensors that are here.

What measures a generator works on the CPU in 32 bits; only the network's own passes have to be where it is.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from models.dit.inputs import DitInput


class Reached:
    """Takes inputs from the CPU, and gives answers there."""

    def __init__(self, net: nn.Module):
        self.net = net
        self.device = next(net.parameters()).device

    def __call__(self, sequence: DitInput) -> Tensor:
        there = replace(
            sequence,
            latents_BCFHW=sequence.latents_BCFHW.to(self.device),
            times_B3=sequence.times_B3.to(self.device),
            audio_BFNA=self._sent(sequence.audio_BFNA),
            text_BLX=self._sent(sequence.text_BLX),
        )
        return self.net(there).float().cpu()

    def _sent(self, tensor: Tensor | None) -> Any:
        return tensor if tensor is None else tensor.to(self.device)


def seeded(shape: torch.Size, seed: int) -> Tensor:
    """Returns noise that is the same in every validation, so that only the weights differ."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
