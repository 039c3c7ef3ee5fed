"""Makes training windows of the procedural world for SyncNet: crops of talking people and their sound, kept on disk.

    windows = WorldLips(WorldPlan(people=400), 25, 12, SIZES, folder)
    windows.make(workers, tell)    # what is missing, a fifth of a CPU-second a person

Samples are windows of `frames` frames, every `stride` of a person's clip. B samples, F frames, T columns of sound.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.mini.shards import SHARD, make_missing, missing_shards, shard_file
from models.mini.syncnet.corpus import noisy_five
from models.mini.world_clips import make_clip
from models.mini.world_pictures import TRAINING
from models.sync.net import Sizes
from models.sync.syncnet import COLUMNS_A_FRAME, crops, heard_between

CODE = 1
"""Raise it when the code's clips change: they are then made again."""


@dataclass(frozen=True)
class WorldPlan:
    """Which people, and how long each talks."""

    people: int = 400
    first: int = TRAINING
    """People below TRAINING are strangers to every mini model."""
    seed: int = 1
    frames: int = 50
    occluded: float = 0.2
    sizes: Sizes = field(default_factory=Sizes)

    @property
    def digest(self) -> str:
        """Of everything that could change a clip, but not of how many people there are."""
        said = asdict(self) | {"people": 0, "code": CODE}
        return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


class WorldLips:
    """The windows as a dataset; it pickles, and a worker opens the files for itself."""

    def __init__(self, plan: WorldPlan, frames: int, stride: int, folder: Path):
        assert frames <= plan.frames, f"a clip has {plan.frames} frames, and a window {frames}"
        self.plan, self.frames, self.folder = plan, frames, folder / plan.digest
        self.firsts = range(0, plan.frames - frames + 1, stride)

    def __len__(self) -> int:
        return self.plan.people * len(self.firsts)

    @property
    def ids(self) -> list[str]:
        return [self._name(index) for index in range(len(self))]

    def make(self, workers: int, tell: Callable[[int, int], None]) -> None:
        """Makes the files that are missing; `tell` hears how many people of all are there."""
        make_missing(self.folder, self.plan, make_shard, workers, tell)

    def make_here(self) -> None:
        """Makes the files that are missing in this process: for a handful of people."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for number in self.missing:
            make_shard(self.plan, shard_file(self.folder, self.plan.first, number), number)

    @property
    def missing(self) -> list[int]:
        """Numbers of the files that are to be made."""
        return missing_shards(self.folder, self.plan)

    def beginning(self) -> "WorldLips":
        """The windows of the first file alone: for a look at them that reads no other."""
        fewer = replace(self.plan, people=min(self.plan.people, SHARD))
        return WorldLips(fewer, self.frames, self.firsts.step, self.folder.parent)

    def __getitems__(self, indices: list[int]) -> dict[str, Any]:
        both = [self._window(*self._place(index)) for index in indices]
        return {
            "id": [self._name(index) for index in indices],
            "lips_B3FHW": torch.stack([lips_3FHW for lips_3FHW, _ in both]),
            "mfcc_BCT": torch.stack([mfcc_CT for _, mfcc_CT in both]),
        }

    def _place(self, index: int) -> tuple[int, int]:
        """Number of the person, and first frame."""
        person, window = divmod(index, len(self.firsts))
        return person, self.firsts[window]

    def _name(self, index: int) -> str:
        person, first = self._place(index)
        return f"world:{self.plan.first + person}@{first}"

    def _window(self, person: int, first: int) -> tuple[Tensor, Tensor]:
        number, row = divmod(person, SHARD)
        stored, last = _opened(shard_file(self.folder, self.plan.first, number)), first + self.frames
        lips_F3HW = stored.get_slice("lips")[row : row + 1, first:last][0]
        columns = slice(first * COLUMNS_A_FRAME, last * COLUMNS_A_FRAME)
        return lips_F3HW.transpose(0, 1), stored.get_slice("mfcc")[row : row + 1, :, columns][0]


@cache
def _opened(file: Path) -> Any:
    return safe_open(file, "pt")


def make_shard(plan: WorldPlan, file: Path, number: int) -> None:
    """Makes one file of people; whole or not at all."""
    torch.set_num_threads(1)
    start = plan.first + number * SHARD
    made = [_person(plan, person) for person in range(start, start + SHARD)]
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    rows = {
        "lips": torch.from_numpy(np.stack([lips for lips, _ in made])),
        "mfcc": torch.from_numpy(np.stack([heard_CT for _, heard_CT in made])),
    }
    save_file(rows, temporary)
    temporary.replace(file)


def _person(plan: WorldPlan, person: int) -> tuple[np.ndarray, np.ndarray]:
    clip = make_clip(plan.seed, person, plan.frames, occluded=plan.occluded)
    lips_F3HW = crops(clip.rgb_FHWC, noisy_five(clip, plan.seed), plan.sizes.roomy())
    return lips_F3HW, heard_between(clip.sound, 0, plan.frames)
