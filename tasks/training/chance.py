"""Chance that follows from (seed, step, place in the batch) alone: noise, noise levels, what is left out.

So ranks and steps differ by construction, a resumed training draws what the undisturbed one would have drawn, and
so does one with another number of workers. It is drawn on the CPU: the same, whatever runs the net.
"""

import numpy as np
import torch
from torch import Tensor


def chance(seed: int, step: int, place: int) -> torch.Generator:
    """Returns the source of chance of one sample in one step."""
    state = np.random.SeedSequence([seed, step, place]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def normal(chances: list[torch.Generator], *shape: int) -> Tensor:
    """Returns normal numbers, (B, *shape)."""
    return torch.stack([torch.randn(shape, generator=one) for one in chances])


def happens(chances: list[torch.Generator], share: float) -> Tensor:
    """Returns for each sample whether something happens that does so in this share of cases, (B) bool."""
    return torch.stack([torch.rand((), generator=one) < share for one in chances])
