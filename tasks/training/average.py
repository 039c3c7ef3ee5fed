"""A moving average of the weights: what a checkpoint exports, for it samples better than the weights themselves."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Averages the trained parameters of a network, and its running statistics, in 32 bits, where they are."""

    def __init__(self, decay: float, values: Mapping[str, Tensor], every: int = 1):
        self.decay, self.every = decay, every
        self.values = (
            {name: value.detach().float().clone() for name, value in values.items()} if decay else {}
        )

    @torch.no_grad()
    def update(self, step: int, values: Mapping[str, Tensor]) -> None:
        """Takes the values after step number `step` (from 0). Early on, less of the past is kept: there is none."""
        kept = self.kept(step)
        for name, mean in self.values.items():
            mean.lerp_(values[name].float(), 1 - kept)

    def due(self, step: int) -> bool:
        """Whether step number `step` (from 0) is one after which values are taken."""
        return bool(self.decay) and (step + 1) % self.every == 0

    def kept(self, step: int) -> float:
        """Returns the share of the past that step number `step` keeps."""
        taken = step // self.every
        return min(self.decay**self.every, (1 + taken) / (10 + taken))

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Puts back what a checkpoint holds."""
        for name, value in values.items():
            self.values[name].copy_(value)

    @contextmanager
    def put_into(self, net: nn.Module) -> Iterator[None]:
        """Lends a network the averages, and gives it its own values back."""
        own: dict[str, Tensor] = {**dict(net.named_parameters()), **dict(net.named_buffers())}
        before = {name: own[name].detach().clone() for name in self.values}
        try:
            _copy(own, self.values)
            yield
        finally:
            _copy(own, before)


@torch.no_grad()
def _copy(own: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    for name, value in values.items():
        own[name].copy_(value)
