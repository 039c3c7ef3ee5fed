"""A training small enough to be killed twenty times in a test: random latents, a few steps, a net of the real class."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.dit.config import AudioConfig, DitConfig
from tasks.training.job import Job
from tasks.training.loop import train
from tasks.training.recipe import GeneratorRecipe, Optimizer

TINY = DitConfig(
    dim=32, layers=1, heads=2, ffn=64, channels=4, audio=AudioConfig(features=6, window=4, layers=1, width=8, heads=1),
    text=0, preconditioned=True, reference_shift=4,
)  # fmt: skip
FRAMES, LATENTS, SIDE = 9, 3, 4


class ToyWindows:
    """Random latents, a pure function of their number; `bad` ones hold NaN."""

    def __init__(self, count: int = 12, bad: tuple[int, ...] = (), seed: int = 0):
        self.count, self.bad, self.seed = count, bad, seed

    def __len__(self) -> int:
        return self.count

    @property
    def ids(self) -> list[str]:
        return [f"toy@{number}" for number in range(self.count)]

    def __getitems__(self, indices: list[int]) -> dict[str, Any]:
        rows = [self.row(index) for index in indices]
        batch: dict[str, Any] = {key: torch.stack([row[key] for row in rows]) for key in rows[0]}
        return {**batch, "id": [f"toy@{index}" for index in indices]}

    def row(self, index: int) -> dict[str, Tensor]:
        chance = torch.Generator().manual_seed(1000 * self.seed + index)

        def numbers(*shape: int) -> Tensor:
            return torch.randn(shape, generator=chance)

        target = numbers(4, LATENTS, SIDE, SIDE)
        if index in self.bad:
            target[0, -1, 0, 0] = torch.nan
        return {
            "target_BCFHW": target,
            "masked_BCFHW": numbers(4, LATENTS, SIDE, SIDE),
            "reference_BCHW": numbers(4, SIDE, SIDE),
            "audio_BFNA": numbers(LATENTS, 4, 6),
            "face_BFHW": torch.ones(LATENTS, SIDE, SIDE),
            "lips_BFHW": torch.zeros(LATENTS, SIDE, SIDE),
        }


def recipe(**changes: Any) -> GeneratorRecipe:
    """A recipe of ten steps."""
    settings: dict[str, Any] = {
        "preset": "tiny", "steps": 10, "batch": 4, "frames": FRAMES, "motion": 1, "save_every": 3, "seed": 3,
        "optimizer": Optimizer(warmup=2),
    }  # fmt: skip
    return GeneratorRecipe(**(settings | changes))


def job(folder: Path, windows: ToyWindows | None = None, **changes: Any) -> Job:
    """A training of it in a folder."""
    return Job("toy", recipe(**changes), windows or ToyWindows(), str(folder), {"licence": "Apache-2.0"})


@dataclass
class Heard:
    """Keeps what the loop tells; asks it to stop after a step, or kills the process in one."""

    stop_after: int | None = None
    kill_at: int | None = None
    log: Path | None = None
    """Each step's line is appended here before anything else happens: what a killed process has told remains."""
    events: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        if self.log is not None and event["kind"] == "step":
            with self.log.open("a") as file:
                file.write(
                    json.dumps({"step": event["step"], "loss": event["loss"].hex(), "ids": event["ids"]})
                    + "\n"
                )
        if event["kind"] == "step" and event["step"] == self.kill_at:
            os.kill(os.getpid(), 9)

    def stopping(self) -> bool:
        return bool(self.stop_after and self.steps and self.steps[-1]["step"] >= self.stop_after - 1)

    @property
    def steps(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == "step"]

    @property
    def losses(self) -> dict[int, str]:
        """Step -> its loss, every bit of it."""
        return {event["step"]: event["loss"].hex() for event in self.steps}


def undisturbed(folder: Path, windows: ToyWindows | None = None, **changes: Any) -> Heard:
    """Trains to the end."""
    heard = Heard()
    train(job(folder, windows, **changes), heard)
    return heard
