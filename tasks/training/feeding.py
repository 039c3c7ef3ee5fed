"""Brings batches to the loop: in the order that was settled, from the step that comes next, ahead of time."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader

from tasks.training.objective import Batch, Windows
from tasks.training.order import Order


class Feeder:
    """Batches of one worker, and how long the loop waited for them."""

    def __init__(
        self,
        windows: Windows,
        order: Order,
        steps: range,
        rank: int,
        world: int,
        loaders: int,
        device: torch.device,
    ):
        self.waited_s = 0.0
        self.device = device
        self._loader: DataLoader[Batch] = DataLoader(
            windows,  # type: ignore[arg-type]
            batch_sampler=_Mine(order, steps, rank, world),
            num_workers=loaders,
            collate_fn=_as_it_is,  # type: ignore[arg-type]
            multiprocessing_context="spawn" if loaders else None,
            prefetch_factor=2 if loaders else None,
            pin_memory=device.type == "cuda",
        )

    def __iter__(self) -> Iterator[Batch]:
        batches = iter(self._loader)
        while True:
            started = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                return
            self.waited_s = time.perf_counter() - started
            yield {key: _moved(value, self.device) for key, value in batch.items()}


@dataclass(frozen=True)
class _Mine:
    """What one worker sees of each step, dealt as it comes: a long training would wait for all of it at its start."""

    order: Order
    steps: range
    rank: int
    world: int

    def __iter__(self) -> Iterator[list[int]]:
        for step in self.steps:
            yield self.order.batch(step)[self.rank :: self.world]

    def __len__(self) -> int:
        return len(self.steps)


def parts(batch: Batch, size: int) -> Iterator[Batch]:
    """Splits a batch into micro-batches of so many samples; 0 leaves it whole."""
    count = len(batch["id"])
    for start in range(0, count, size or count):
        yield {key: value[start : start + (size or count)] for key, value in batch.items()}


def _moved(value: Any, device: torch.device) -> Any:
    return value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value


def _as_it_is(batch: Batch) -> Batch:
    return batch
