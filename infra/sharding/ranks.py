"""What the processes of one training ask and tell each other, once they have joined."""

import torch
import torch.distributed as dist
from torch import Tensor, nn


def rank() -> int:
    return dist.get_rank()


def world() -> int:
    return dist.get_world_size()


def device() -> torch.device:
    """Where this rank computes."""
    return (
        torch.device("cuda", torch.cuda.current_device())
        if torch.cuda.is_available()
        else torch.device("cpu")
    )


def mean_over_ranks(tensor: Tensor) -> Tensor:
    """The same on every rank, where `tensor` was. Same shape everywhere."""
    if world() == 1:
        return tensor.detach().clone()
    total = tensor.detach().to(device(), copy=True)
    dist.all_reduce(total)
    return (total / world()).to(tensor.device)


def all_ranks(here: bool) -> bool:
    """Whether it is so on any rank: all of them get the one answer."""
    if world() == 1:
        return here
    anywhere = torch.tensor(int(here), device=device())
    dist.all_reduce(anywhere, op=dist.ReduceOp.MAX)
    return bool(anywhere.item())


def as_rank_0_has_it(net: nn.Module) -> None:
    """One tensor at a time, so that a network need not fit where it computes."""
    if world() == 1:
        return
    for tensor in [*net.parameters(), *net.buffers()]:
        sent = tensor.detach().to(device(), copy=True)
        dist.broadcast(sent, src=0)
        tensor.data.copy_(sent)
