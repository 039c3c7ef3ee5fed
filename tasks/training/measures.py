"""Adds up what a step tells of itself, over micro-batches and workers."""

from dataclasses import dataclass

import torch
from torch import Tensor

from infra import sharding
from tasks.training.objective import Loss


@dataclass(frozen=True)
class Seen:
    """The means of one step over all its samples, and whether any worker was told to stop."""

    means: dict[str, float]
    anybody_stops: bool


class Measures:
    """Sums of one worker's micro-batches. NaN of a part means that no sample had it."""

    def __init__(self) -> None:
        self._parts: list[dict[str, Tensor]] = []

    def add(self, loss: Loss) -> None:
        """Takes a micro-batch in."""
        self._parts.append({"loss": loss.value.detach(), **loss.parts})

    def over_ranks(self, stops: bool) -> Seen:
        """Returns the means; every worker calls it."""
        names = list(self._parts[0])
        each_MK = torch.stack([torch.stack([part[name].float() for name in names]) for part in self._parts])
        there_MK = each_MK.isnan().logical_not()
        there_MK[:, 0] = True  # a loss that is NaN is to be seen
        sums_K = torch.where(there_MK, each_MK, torch.zeros_like(each_MK)).sum(0)
        told = torch.cat(
            [sums_K, there_MK.float().sum(0), torch.tensor([float(stops)], device=sums_K.device)]
        )
        told = sharding.mean_over_ranks(told).cpu()
        sums, counts = told[: len(names)], told[len(names) : -1]
        means = {name: float(a / b) for name, a, b in zip(names, sums, counts, strict=True) if b}
        return Seen(means, bool(told[-1] > 0))
