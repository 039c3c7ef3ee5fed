"""What the training loop costs beside the bare step of the same net, and how soon a resumed training takes its first.

    python -m tests.perf training

The mini generator on random latents as large as the world's. The bare step is forward, backward, cutting the gradient
and the optimizer, over one batch that lies ready. The loop also deals and moves batches, draws noise, averages the
weights, guards against bad gradients and tells of each step; no checkpoint is written in the steps that count.
"""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from models.dit import flow
from models.dit.inputs import DitInput, Motion, generator_input
from tasks.training.generator import Generator
from tasks.training.job import Job
from tasks.training.loop import train
from tasks.training.optimizers import make_optimizer
from tasks.training.recipe import GeneratorRecipe
from tests.perf.line import Line, Say

ROUNDS, STEPS = 3, 6
"""Loop and bare steps take turns, so that whatever else the machine does meets both."""
NEVER = 1_000_000
RECIPE = GeneratorRecipe(steps=NEVER, save_every=NEVER)
KEPT = 160


class StoredWindows:
    """Random windows in half precision and in memory, as those of the world lie there."""

    def __init__(self) -> None:
        made = torch.Generator().manual_seed(0)
        shapes = {
            "target_BCFHW": (24, 7, 16, 16), "masked_BCFHW": (24, 7, 16, 16), "reference_BCHW": (24, 16, 16),
            "audio_BFNA": (7, 16, 96),
        }  # fmt: skip
        self.stored = {key: torch.randn(KEPT, *one, generator=made).half() for key, one in shapes.items()}
        for key in ("face_BFHW", "lips_BFHW"):
            self.stored[key] = torch.rand(KEPT, 7, 16, 16, generator=made).half()

    def __len__(self) -> int:
        return KEPT

    @property
    def ids(self) -> list[str]:
        return [f"stored@{number}" for number in range(KEPT)]

    def __getitems__(self, indices: list[int]) -> dict[str, Any]:
        batch = {key: one[indices].float() for key, one in self.stored.items()}
        return {**batch, "id": [f"stored@{number}" for number in indices]}


@dataclass
class Clock:
    """Hears of steps and notes when; asks to stop after so many."""

    stop_after: int
    cpu_s: list[float] = field(default_factory=list)
    wall_s: list[float] = field(default_factory=list)

    def tell(self, event: dict[str, Any]) -> None:
        if event["kind"] == "step":
            self.cpu_s.append(time.process_time())
            self.wall_s.append(time.perf_counter())

    def stopping(self) -> bool:
        return len(self.cpu_s) + 1 >= self.stop_after


class Bare:
    """The step without the loop."""

    def __init__(self, recipe: GeneratorRecipe, windows: StoredWindows):
        self.recipe, self.net = recipe, Generator(recipe).build(windows, torch.device("cpu"))
        self.optimizer = make_optimizer(recipe.optimizer, self.net.named_parameters())
        self.batch = windows.__getitems__(list(range(recipe.batch)))
        self.noise = torch.randn_like(self.batch["target_BCFHW"])
        self.sequence = self._shown()

    def _shown(self) -> DitInput:
        target, t_B = self.batch["target_BCFHW"], torch.linspace(0.4, 0.9, self.recipe.batch)
        motion = Motion(target[:, :, : self.recipe.motion], torch.arange(self.recipe.batch) % 2 == 0)
        given = (self.batch["masked_BCFHW"], self.batch["reference_BCHW"], t_B, self.batch["audio_BFNA"])
        return generator_input(flow.noised(target, self.noise, t_B), *given, None, motion)

    def steps(self, count: int) -> list[float]:
        """CPU seconds of each."""
        taken = []
        for _ in range(count):
            begun = time.process_time()
            self.optimizer.zero_grad()
            self._loss().backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.optimizer.longest)
            self.optimizer.step()
            taken.append(time.process_time() - begun)
        return taken

    def _loss(self) -> Tensor:
        velocity = flow.velocity(self.batch["target_BCFHW"], self.noise)
        masks = (self.batch["face_BFHW"], self.batch["lips_BFHW"])
        return flow.weighted_errors(self.net(self.sequence), velocity, *masks).mean()


def lines(say: Say) -> list[Line]:
    say(f"the mini generator, {ROUNDS} times {STEPS} steps of the loop and bare ones in turns, on one core")
    torch.set_num_threads(1)
    windows = StoredWindows()
    bare, alone, looped = Bare(RECIPE, windows), [], []
    for _ in range(ROUNDS):
        alone += bare.steps(STEPS)[1:]
        with tempfile.TemporaryDirectory() as folder:
            looped += _looped(Job("bench", RECIPE, windows, folder, {}), STEPS)
    say("a training that goes on from its checkpoint")
    resumed = min(_resumed(windows) for _ in range(2))
    note = f"{min(looped):.2f} s a step of {RECIPE.batch}"
    return [
        Line("a step, CPU over bare", min(looped) / min(alone), "x", at_most=1.05, note=note),
        Line(
            "resumed, to the first step",
            resumed,
            " s",
            at_most=3.0,
            note="in a new process, that step left out",
        ),
    ]


def _looped(job: Job, steps: int) -> list[float]:
    """CPU seconds of each step but the first, which warms up."""
    train(job, clock := Clock(steps))
    return seconds_of_steps(clock)


def seconds_of_steps(clock: Clock) -> list[float]:
    """CPU seconds between one step and the next."""
    return [after - before for before, after in pairwise(clock.cpu_s)]


def _resumed(windows: StoredWindows) -> float:
    """Seconds in a process of its own, which has called nothing before; its imports at the top are not counted."""
    with tempfile.TemporaryDirectory() as folder:
        train(Job("bench", RECIPE, windows, folder, {}), Clock(1))
        command = [sys.executable, "-m", "tests.perf.bench_training", folder]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _measure(folder: str) -> float:
    """Seconds from the call to the end of the first step, less those of the quickest of the next ones."""
    torch.set_num_threads(1)
    job = Job("bench", RECIPE, StoredWindows(), folder, {})
    begun = time.perf_counter()
    train(job, clock := Clock(5))
    return clock.wall_s[0] - begun - min(after - before for before, after in pairwise(clock.wall_s))


if __name__ == "__main__":  # the process that is measured
    print(_measure(sys.argv[1]))
