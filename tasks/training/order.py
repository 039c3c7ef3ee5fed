"""Says which samples a step sees: a pure function of seed and step, whatever the number of workers.

All samples come once an epoch, in another order each. A batch may hold the end of one epoch and the start of the
next, so none is left out. Where samples differ in length, a batch holds those of one length only.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np


class Order:
    """The order of a training's samples."""

    def __init__(self, lengths: Sequence[int], batch: int, seed: int):
        assert len(lengths), "no samples"
        self.batch_size, self.seed = batch, seed
        lengths_N = np.asarray(lengths)
        self.groups = [np.flatnonzero(lengths_N == length) for length in np.unique(lengths_N)]
        self.batches = [-(-len(group) // batch) for group in self.groups]
        self.epoch = lru_cache(maxsize=2)(self._epoch)

    @property
    def batches_an_epoch(self) -> int:
        """How many steps an epoch has, where samples differ in length."""
        return sum(self.batches)

    def batch(self, step: int) -> list[int]:
        """Returns the samples of one step."""
        if len(self.groups) == 1:
            return self._straight(step)
        epoch, place = divmod(step, self.batches_an_epoch)
        return [int(one) for one in self.epoch(epoch)[place]]

    def _straight(self, step: int) -> list[int]:
        """One length: samples follow each other without regard to where an epoch ends."""
        (group,) = self.groups
        numbers = range(step * self.batch_size, (step + 1) * self.batch_size)
        return [int(group[self._shuffled(number // len(group))[number % len(group)]]) for number in numbers]

    def _shuffled(self, epoch: int) -> np.ndarray:
        return _permutation(self.seed, epoch, 0, len(self.groups[0]))

    def _epoch(self, epoch: int) -> list[np.ndarray]:
        """Batches of one length each, in any order; the last of a length begins again at its first samples."""
        batches = []
        for number, (group, count) in enumerate(zip(self.groups, self.batches, strict=True)):
            mixed = group[_permutation(self.seed, epoch, number + 1, len(group))]
            batches += np.split(np.resize(mixed, count * self.batch_size), count)
        return [batches[one] for one in _permutation(self.seed, epoch, 0, len(batches))]


@lru_cache(maxsize=8)
def _permutation(seed: int, epoch: int, group: int, count: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, group]).permutation(count)
