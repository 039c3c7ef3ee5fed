"""Notices what slows a training down: data that comes late, and a worker that is slower than the others.

Every fifty steps the workers tell each other how long they were busy, all of them in one message.
"""

from statistics import median

import torch
from torch import Tensor

from infra import sharding

EVERY = 50
LATE = 0.05
"""Share of the time that may be spent waiting for data."""
SLOW = 1.3
"""Times the median of the workers, in a step."""


class Pacing:
    """Of one worker. What is noticed is said once an attempt."""

    def __init__(self, rank: int, world: int):
        self.rank, self.world = rank, world
        self._busy = self._waited = self._total = 0.0
        self._steps = 0
        self._said: set[str] = set()

    def saw(self, busy: float, waited: float, seconds: float) -> list[str]:
        """Takes in a step: seconds in its own passes, seconds waiting for data, and all. Returns warnings.

        Every worker calls it after every step.
        """
        self._steps += 1
        if self._steps == 1:  # workers that read data have only just started
            return []
        self._busy, self._waited, self._total = (
            self._busy + busy,
            self._waited + waited,
            self._total + seconds,
        )
        if (self._steps - 1) % EVERY:
            return []
        busy_R, late_R = self._of_all([self._busy / EVERY, self._waited / max(self._total, 1e-9)])
        self._busy = self._waited = self._total = 0.0
        found = {"late": late(late_R)} | {f"slow {rank}": text for rank, text in slow(busy_R).items()}
        new = {name: text for name, text in found.items() if text and name not in self._said}
        self._said |= set(new)
        return list(new.values()) if self.rank == 0 else []

    def _of_all(self, numbers: list[float]) -> list[list[float]]:
        told_NR = torch.zeros(len(numbers), self.world, dtype=torch.float64)
        told_NR[:, self.rank] = torch.tensor(numbers, dtype=torch.float64)
        together: Tensor = sharding.mean_over_ranks(told_NR) * self.world
        return together.tolist()


def late(waited_R: list[float]) -> str:
    """What to say of the shares of time that each worker waited for data; '' where it is little."""
    most = max(waited_R)
    if most <= LATE:
        return ""
    return (
        f"the loop waits for data {most:.0%} of the time: raise loaders in the profile's table training, or switch on "
        "the latents stage"
    )


def slow(busy_R: list[float]) -> dict[int, str]:
    """Which workers take much longer than the others, by the seconds that each was busy in a step."""
    usual = median(busy_R)
    return {
        rank: f"worker {rank} takes {busy / usual:.1f} times as long as the others ({busy:.2f} s a step, and they "
        f"{usual:.2f}), and all wait for it: look at its machine"
        for rank, busy in enumerate(busy_R)
        if busy > SLOW * usual
    }
