"""Tells a SyncNet that is stuck at chance from one that learns, after a tenth of its steps.

Each step gives the share of shifts at which sound in sync was nearer than the same sound moved; at chance its mean is
a half. Steps see other samples, so their shares are as good as independent, and Student's t of the last half of the
tenth says how sure it is that the mean is more. A net that learns is many standard errors above by then; one that
does not is taken for one that does in less than one case of a hundred.
"""

from collections import deque
from statistics import fmean, stdev

ENOUGH = 20
"""Steps from which a mean is judged at least. Short or resumed trainings are judged later than after a tenth."""
SURE = 3.0
"""Standard errors above a half. With twenty steps chance gets there once in 270 trainings."""
CHANCE = 0.5


class Suspicion:
    """Sees the steps of one training, and says its word once."""

    def __init__(self, steps: int):
        self.steps = steps
        self._shares: deque[float] = deque(maxlen=max(ENOUGH, steps // 20))
        self._settled = False

    def saw(self, step: int, share: float | None) -> str:
        """Takes note of a step's share; returns the warning when it is due, else ''."""
        if share is not None:
            self._shares.append(share)
        if self._settled or step * 10 < self.steps or len(self._shares) < (self._shares.maxlen or 0):
            return ""
        self._settled = True
        return "" if above_chance(list(self._shares)) else self._warning(step)

    def _warning(self, step: int) -> str:
        return (
            f"after {step} of {self.steps} steps SyncNet tells lips in sync from shifted no better than chance "
            f"({fmean(self._shares):.0%}): likely causes: sound and picture are misaligned (check `redub train syncnet "
            "--check`), mouths are not aligned, or the rate is too high"
        )


def above_chance(shares: list[float]) -> bool:
    """Whether the mean of the shares is surely more than a half."""
    error = stdev(shares) / len(shares) ** 0.5
    return fmean(shares) - CHANCE > SURE * error
