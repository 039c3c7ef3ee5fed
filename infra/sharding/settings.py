"""What a sharded network can do, and what is checked and shared by both ways of doing it."""

from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

OptimizerFor = Callable[[list[tuple[str, nn.Parameter]]], torch.optim.Optimizer]
Get = Callable[[str], Mapping[str, Tensor]]
"""Name of a parameter -> what `tensors` gave for it."""


class ShardingError(RuntimeError):
    """Processes, a network or a checkpoint that don't go together; says what to do."""


class Stepped(NamedTuple):
    norm: float
    """Of all gradients together, before they were clipped. Infinite when it was not finite."""
    taken: bool
    """False: nothing was applied, on any rank, since the gradients were not finite or too long."""


class Sharded(Protocol):
    module: nn.Module
    """Call it for a forward pass. With bf16 its inputs may be fp32: autocast converts them where it matters."""
    optimizer: Any
    """Set `lr` in its `param_groups` before a step."""

    def backward(self, loss: Tensor) -> None:
        """Of one micro-batch's mean loss. A step takes as many of these as `accumulate` says."""

    def step(self, longest: float, most: float = inf) -> Stepped:
        """Clips to the norm `longest`, applies and clears the gradients; longer than `most`, only clears. Collective."""

    def values(self) -> dict[str, Tensor]:
        """The trained parameters in fp32, whole, where they are: to be read only. Collective above ZeRO 0, and dear."""

    def tensors(self) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Per trained parameter, "value" in fp32 and the optimizer's tensors, whole, as copies on the CPU.

        Collective: every rank goes through all of it, and gets all of it.
        """

    def load(self, get: Get) -> None:
        """Puts back what `tensors` gave, at whatever level and number of ranks that was. Collective."""


def trainable(net: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in net.named_parameters() if parameter.requires_grad]


def checked(name: str, saved: Mapping[str, Tensor], shape: torch.Size) -> Mapping[str, Tensor]:
    """`saved`, if it is of the parameter `name` of this shape."""
    if "value" not in saved:
        raise ShardingError(f"what was saved of {name} holds no value, only {', '.join(saved) or 'nothing'}")
    if saved["value"].shape != shape:
        raise ShardingError(
            f"what was saved of {name} has the shape {tuple(saved['value'].shape)}, and in this network it is "
            f"{tuple(shape)}; take the recipe that the checkpoint was trained with"
        )
    return saved


def copies(own: Mapping[str, Any]) -> dict[str, Tensor]:
    """On the CPU."""
    odd = [key for key, one in own.items() if not isinstance(one, Tensor)]
    assert not odd, f"an optimizer that keeps other things than tensors can't be saved: {odd}"
    return {key: one.detach().to("cpu", copy=True) for key, one in own.items()}


class Autocast(nn.Module):
    """Lets a network whose parameters are bf16 take fp32 inputs, and keeps norms and losses in fp32."""

    def __init__(self, inner: nn.Module, kind: str) -> None:
        super().__init__()
        self.inner = inner
        self.kind = kind

    def forward(self, *inputs: Any, **named: Any) -> Any:
        with torch.autocast(self.kind, dtype=torch.bfloat16):
            return self.inner(*inputs, **named)
