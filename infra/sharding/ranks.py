"""The processes of one training: who they are, and what they tell each other."""

import os

import torch
import torch.distributed as dist
from torch import Tensor

from infra.sharding.settings import ShardingError

NEEDED = ("RANK", "MASTER_ADDR", "MASTER_PORT")
"""Set by torchrun, and by Slurm scripts, where there is more than one process."""
_own: list[bool] = []
"""Holds something while the process group is one that `begin` made."""


def begin() -> None:
    """Joins the other processes that the environment names; without any, a world of one. Once is enough."""
    if torch.cuda.is_available():
        # A launcher may show each process all GPUs of the machine, or only its own.
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    if dist.is_initialized():
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    else:
        missing = [name for name in NEEDED if name not in os.environ]
        if missing:
            raise ShardingError(
                f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but {', '.join(missing)} is not set; start the "
                "processes with torchrun, or unset WORLD_SIZE"
            )
        dist.init_process_group(backend)
    _own.append(True)


def end() -> None:
    """Leaves the group, if `begin` made it."""
    if _own:
        _own.clear()
        dist.destroy_process_group()


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


def barrier() -> None:
    """Returns when every rank is here."""
    all_ranks(False)


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
