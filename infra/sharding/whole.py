"""Every rank holds the whole network and its optimizer: plain torch, and gradients are averaged before a step."""

import math
from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch import Tensor, nn

from infra.sharding.ranks import all_ranks, as_rank_0_has_it, device, world
from infra.sharding.settings import Autocast, Get, OptimizerFor, Stepped, checked, copies, trainable

BUCKET = 25_000_000
"""Numbers that are averaged at once: few messages, and little memory beside the gradients."""


class Whole:
    def __init__(self, net: nn.Module, optimizer_for: OptimizerFor, dtype: str, accumulate: int) -> None:
        self._accumulate = accumulate
        self._waiting = 0
        as_rank_0_has_it(net)
        net.to(device())
        parameters = trainable(net)
        low = torch.bfloat16 if dtype == "bf16" else torch.float32
        masters = [(name, _master(parameter, low)) for name, parameter in parameters]
        net.to(low)
        self._names = [name for name, _ in parameters]
        self._parameters = [parameter for _, parameter in parameters]
        self._masters = [master for _, master in masters]
        self.optimizer = optimizer_for(masters)
        self.module: nn.Module = Autocast(net, device().type) if dtype == "bf16" else net

    def backward(self, loss: Tensor) -> None:
        self._waiting += 1
        (loss / self._accumulate).backward()
        for parameter, master in self._apart():
            if parameter.grad is not None:
                if master.grad is None:
                    master.grad = torch.zeros_like(master)
                master.grad.add_(parameter.grad)
                parameter.grad = None

    def step(self, longest: float, most: float = math.inf) -> Stepped:
        assert self._waiting == self._accumulate, f"{self._waiting} micro-batches of {self._accumulate}"
        self._waiting = 0
        self._average_gradients()
        norm = nn.utils.clip_grad_norm_(self._masters, longest).item()
        finite = math.isfinite(norm)
        taken = not all_ranks(not finite or norm > most)
        if taken:
            self.optimizer.step()
            self._from_masters()
        for master in self._masters:
            master.grad = None
        return Stepped(norm if finite else math.inf, taken)

    def values(self) -> dict[str, Tensor]:
        return dict(zip(self._names, self._masters, strict=True))

    def tensors(self) -> Iterator[tuple[str, dict[str, Tensor]]]:
        for name, master in zip(self._names, self._masters, strict=True):
            yield name, copies({"value": master, **self.optimizer.state.get(master, {})})

    def load(self, get: Get) -> None:
        for name, master in zip(self._names, self._masters, strict=True):
            saved = dict(checked(name, get(name), master.shape))
            master.data.copy_(saved.pop("value"))
            # A scalar, such as AdamW's count of steps, is kept on the CPU by torch's optimizers.
            self.optimizer.state[master] = {
                key: tensor.to(master.device if tensor.ndim else "cpu", copy=True)
                for key, tensor in saved.items()
            }
        self._from_masters()

    def _apart(self) -> list[tuple[nn.Parameter, nn.Parameter]]:
        """Parameters with their masters, where these are not the same."""
        both = zip(self._parameters, self._masters, strict=True)
        return [(parameter, master) for parameter, master in both if parameter is not master]

    @torch.no_grad()
    def _from_masters(self) -> None:
        for parameter, master in self._apart():
            parameter.copy_(master)

    @torch.no_grad()
    def _average_gradients(self) -> None:
        for master in self._masters:
            if master.grad is None:
                master.grad = torch.zeros_like(master)
        if world() > 1:
            for bucket in _buckets([master.grad for master in self._masters if master.grad is not None]):
                _average(bucket)


def _master(parameter: nn.Parameter, low: torch.dtype) -> nn.Parameter:
    """What the optimizer steps on: the parameter itself where it stays fp32, else a copy before it is rounded."""
    return parameter if low == torch.float32 else nn.Parameter(parameter.detach().float().clone())


def _buckets(tensors: list[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    for tensor in tensors:
        if bucket and sum(one.numel() for one in bucket) + tensor.numel() > BUCKET:
            yield bucket
            bucket = []
        bucket.append(tensor)
    yield bucket


def _average(bucket: list[Tensor]) -> None:
    flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
    dist.all_reduce(flat)
    flat /= world()
    for tensor, mean in zip(bucket, flat.split([tensor.numel() for tensor in bucket]), strict=True):
        tensor.copy_(mean.view_as(tensor))
