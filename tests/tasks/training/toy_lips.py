"""A SyncNet small enough to train in a test, and lips whose brightness is what is heard with them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.sync.net import Sizes
from tasks.training.job import Job
from tasks.training.recipe import Optimizer, SyncNetRecipe

TINY = Sizes(side=64, lips=(6,) * 6, sound=(6,) * 6, hidden=12, vector=12)
"""Put in the place of the mini's sizes."""
FRAMES = 25


class ToyLips:
    """Follow from their number. `misaligned` ones have sound of another window, `bad` ones none that is finite."""

    def __init__(self, count: int = 24, misaligned: bool = False, bad: tuple[int, ...] = ()):
        self.count, self.misaligned, self.bad = count, misaligned, bad

    def __len__(self) -> int:
        return self.count

    @property
    def ids(self) -> list[str]:
        return [f"toy@{number}" for number in range(self.count)]

    def __getitems__(self, indices: list[int]) -> dict[str, Any]:
        rows = [self.row(index) for index in indices]
        return {
            "id": [f"toy@{index}" for index in indices],
            "lips_B3FHW": torch.stack([lips for lips, _ in rows]),
            "mfcc_BCT": torch.stack([heard for _, heard in rows]),
        }

    def row(self, index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng(index)
        other = np.random.default_rng(1000 + index)
        open_F = rng.uniform(0, 1, FRAMES)
        said_F = other.uniform(0, 1, FRAMES) if self.misaligned else open_F
        side = TINY.roomy().side
        lips_3FHW = rng.integers(0, 40, (3, FRAMES, side, side)).astype(np.float32)
        lips_3FHW[:, :, 24:48, 20:52] += 200 * open_F[None, :, None, None]
        heard_CT = other.normal(0, 0.3, (13, 4 * FRAMES)) + 8 * np.repeat(said_F, 4)
        if index in self.bad:
            heard_CT[0, 0] = np.nan
        return torch.from_numpy(lips_3FHW.astype(np.uint8)), torch.from_numpy(heard_CT.astype(np.float32))


def recipe(**changes: Any) -> SyncNetRecipe:
    settings: dict[str, Any] = {
        "steps": 10, "batch": 4, "save_every": 3, "seed": 3,
        "optimizer": Optimizer(kind="adamw", rate=5e-3, warmup=2, longest=5.0),
    }  # fmt: skip
    return SyncNetRecipe(**(settings | changes))


def job(folder: Path, windows: ToyLips | None = None, **changes: Any) -> Job:
    return Job("toy", recipe(**changes), windows or ToyLips(), str(folder), {"licence": "Apache-2.0"})
