"""Training windows of people of the procedural world, kept in files of some people each: what all such datasets share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load_file
from torch import Tensor

from models.mini.shards import SHARD, make_missing, missing_shards, shard_file, shards


class PeopleWindows(ABC):
    """A dataset that is opened where it is used, so that it travels to worker processes."""

    each: int
    """Samples of a person."""
    make_shard: Callable[[Any, Path, int], None]
    """Makes one file; a function of a module, for it runs in other processes."""

    def __init__(self, plan: Any, folder: Path):
        self.plan, self.folder = plan, folder / plan.digest

    def __len__(self) -> int:
        return self.each * self.plan.people

    @property
    def ids(self) -> list[str]:
        """Names of all samples."""
        return [self.name(index) for index in range(len(self))]

    @abstractmethod
    def name(self, index: int) -> str:
        """Returns the name of a sample."""

    def make(self, workers: int, tell: Callable[[int, int], None]) -> None:
        """Makes the shards that are missing; `tell` is told how many people of all are there."""
        make_missing(self.folder, self.plan, type(self).make_shard, workers, tell)

    @property
    def missing(self) -> list[int]:
        """Numbers of the shards that are to be made."""
        return missing_shards(self.folder, self.plan)

    def beginning(self) -> Self:
        """The windows of the first shard alone: for a look at them that reads no other."""
        return type(self)(replace(self.plan, people=min(self.plan.people, SHARD)), self.folder.parent)

    @cached_property
    def _all(self) -> Mapping[str, Tensor]:
        files = [shard_file(self.folder, self.plan.first, number) for number in shards(self.plan.people)]
        loaded = [load_file(file) for file in files]
        return {key: torch.cat([shard[key] for shard in loaded]) for key in loaded[0]}

    def __getstate__(self) -> dict:
        return {key: value for key, value in self.__dict__.items() if key != "_all"}
