"""A training without a network: counts steps into a file, and goes on from what it finds there."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from infra.launch.outcome import Channel


@dataclass(frozen=True)
class Count:
    file: Path
    steps: int
    pause_s: float = 0.02
    die_at: int | None = None
    """The process kills itself there, each time that it comes by."""
    die_once: bool = True


class NoData(Exception):
    final = True


def count(payload: Count, channel: Channel) -> dict[str, Any]:
    at = int(payload.file.read_text()) if payload.file.exists() else 0
    channel.tell({"started": os.getpid(), "at": at})
    while at < payload.steps and not channel.stopping():
        at += 1
        payload.file.write_text(str(at))
        channel.tell({"step": at})
        time.sleep(payload.pause_s)
        died = payload.file.with_suffix(".died")
        if at == payload.die_at and not (payload.die_once and died.exists()):
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return {"steps": at}


def refuse(payload: str, channel: Channel) -> None:
    with open(payload, "a") as file:
        file.write("x")
    raise NoData("the dataset is empty")


def stumble(payload: str, channel: Channel) -> None:
    with open(payload, "a") as file:
        file.write("x")
    raise ValueError(f"no such word in {Path(payload).name}")


def sleep_deaf(payload: float, channel: Channel) -> None:
    channel.tell({"pid": os.getpid()})
    time.sleep(payload)


def sum_ranks(payload: float, channel: Channel) -> dict[str, Any]:
    distributed = torch.distributed
    rank, total = distributed.get_rank(), torch.tensor([payload * (distributed.get_rank() + 1)])
    channel.tell({"rank": rank, "threads": torch.get_num_threads(), "mark": os.environ.get("REDUB_MARK")})
    distributed.all_reduce(total)
    return {"rank": rank, "world": distributed.get_world_size(), "total": total}


def count_together(payload: Count, channel: Channel) -> dict[str, Any]:
    """As `count`, by all ranks step for step: they agree on when to stop."""
    distributed = torch.distributed
    at = int(payload.file.read_text()) if payload.file.exists() else 0
    node, world = os.environ["NODE_RANK"], distributed.get_world_size()
    channel.tell({"started": distributed.get_rank(), "world": world, "at": at, "node": node})
    while at < payload.steps:
        stop = torch.tensor([float(channel.stopping())])
        distributed.all_reduce(stop)
        if stop.item():
            break
        at += 1
        if distributed.get_rank() == 0:
            payload.file.write_text(str(at))
            channel.tell({"step": at})
        time.sleep(payload.pause_s)
    return {"steps": at, "world": world}
