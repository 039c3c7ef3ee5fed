"""What a kind of training has to say for itself: its network, the loss of a batch, and what is looked at.

The loop (tasks/training/loop.py) knows nothing else of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

Batch = Mapping[str, Any]
"""Tensors by name, and under "id" the names of the samples."""


@dataclass(frozen=True)
class Loss:
    """The loss of some samples, and what it is made of."""

    value: Tensor
    """The mean over the samples, with a gradient."""
    parts: Mapping[str, Tensor]
    """More means over the samples, to look at; NaN where a sample has nothing to say."""


class Windows(Protocol):
    """A dataset of training windows: opened where it is used, so that it travels to worker processes."""

    @property
    def ids(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def __getitems__(self, indices: list[int]) -> Batch: ...


class Objective(Protocol):
    """One kind of training."""

    def build(self, windows: Windows, device: torch.device) -> nn.Module:
        """Returns the network to start from; what is frozen needs no gradient."""
        ...

    def loss(self, net: nn.Module, batch: Batch, chances: list[torch.Generator]) -> Loss:
        """Returns the loss of a batch; all chance comes from `chances`, one source a sample."""
        ...

    def about(self) -> Mapping[str, Any]:
        """Returns what goes into the header of exported weights beside their history."""
        ...

    def name_in_file(self, name: str) -> str | None:
        """Returns what a tensor of the net is called in exported weights; None where it isn't in them."""
        ...

    def notice(self, step: int, means: Mapping[str, float]) -> str:
        """Returns what a person should be warned of after so many steps, seeing the last one's means; else ''."""
        ...


@dataclass(frozen=True)
class Validation:
    """What was found."""

    metrics: Mapping[str, float]
    """The first is the one that the best checkpoint is chosen by."""
    pictures: Mapping[str, bytes]
    """File name -> PNG, JPEG or MP4."""


class Validator(Protocol):
    """Looks at a network. It travels to the workers, so it opens what it needs when it is first called."""

    @property
    def higher_is_better(self) -> bool:
        """Of the first metric."""
        ...

    def __call__(self, net: nn.Module, step: int, /) -> Validation: ...
