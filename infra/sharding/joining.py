"""The start and the end of a group of processes: torchrun's, Ray Train's, or one process by itself."""

import os

import torch
import torch.distributed as dist

from infra.sharding.pieces import leave
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
        leave()
