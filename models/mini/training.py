"""The training loop that the mini models share: AdamW, a rate that rises and then falls, one thread, one seed.

What differs between them is a `step`: a function that draws a batch and returns its loss.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)
Step = Callable[[], Tensor]


def seeded(seed: int) -> tuple[np.random.Generator, torch.Generator]:
    """Seeds torch, and returns the two other sources of chance, so that a training follows from its seed alone.

    It runs on one thread: several would add up in another order each time.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    return np.random.default_rng(seed), torch.Generator().manual_seed(seed)


def train(net: nn.Module, step: Step, steps: int, rate: float) -> None:
    """Trains all parameters of a network, in place."""
    net.train()
    net.to(memory_format=torch.channels_last)  # a third quicker on CPUs
    groups = [{"params": list(net.parameters()), "lr": rate}]
    descend(type(net).__name__, groups, step, steps, weight_decay=1e-4, longest=5.0)


def descend(
    name: str, groups: list[dict[str, Any]], step: Step, steps: int, *, weight_decay: float, longest: float
) -> None:
    """Takes so many steps with groups of parameters as AdamW takes them, none along a gradient beyond `longest`."""
    adam = torch.optim.AdamW(groups, weight_decay=weight_decay)
    pace = torch.optim.lr_scheduler.LambdaLR(adam, lambda done: pacing(done / steps))
    parameters: Iterable[nn.Parameter] = [one for group in groups for one in group["params"]]
    recent: list[float] = []
    for number in range(1, steps + 1):
        adam.zero_grad()
        loss = step()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, longest)
        adam.step()
        pace.step()
        recent.append(loss.item())
        if number % 100 == 0:
            log.info("%s step %d of %d: loss %.4f", name, number, steps, np.mean(recent[-100:]))


def pacing(done: float) -> float:
    """The share of the rate to use: it rises for a tenth of the way, then falls as a cosine does."""
    return min(done * 10 + 0.02, 0.5 + 0.5 * float(np.cos(np.pi * done)))
