"""Leaves out steps of sampling whose velocity can be told from those before, and says how far off that was.

Along the path from noise to picture the velocity turns slowly. At each step that is computed, the straight line
through the two computed before it is drawn on to there and compared; where it would have done, the next step takes
the line instead of the net. The step after that is computed again, and shows how good the line was.
"""

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor


class ReusedVelocities:
    """Stands in the place of `predict` in `flow.sample`, for one path along `times`.

    `most`: how far off, as a share of the velocity, a line may have been for the next one to be trusted; 0 trusts none.
    """

    def __init__(self, predict: Callable[[Tensor, float], Tensor], times: list[float], most: float):
        self.predict, self.most, self.last = predict, most, times[-2]
        self.spans = {t: t - after for t, after in pairwise(times)}
        self.known: list[tuple[float, Tensor]] = []
        self.left_out = 0
        self._trusted = False
        self._unchecked = self._wrong = self._way = 0.0

    def __call__(self, z: Tensor, t: float) -> Tensor:
        """Returns the velocity at t, computed or drawn on from those before.

        The first two steps and the last are always computed: for those there is no line, after it no check.
        """
        line = self._line(t) if self.most and len(self.known) == 2 else None
        if line is not None and self._trusted and t != self.last:
            self._trusted, self.left_out = False, self.left_out + 1
            self._unchecked = self._gone(line, t)
            return line
        made = self.predict(z, t)
        if line is not None:
            off = float((line - made).norm() / made.norm().clamp(min=1e-12))
            self._wrong += off * self._unchecked
            self._unchecked, self._trusted = 0.0, off <= self.most
        self._gone(made, t)
        self.known = [*self.known[-1:], (t, made)]
        return made

    @property
    def error(self) -> float:
        """How far off the end may be, as a share of the way there.

        A line is taken to be as far off where nothing was computed as it is at the next step, farther along it.
        """
        return self._wrong / self._way if self._way else 0.0

    def _line(self, t: float) -> Tensor:
        (before, first), (then, second) = self.known
        return second + (second - first) * ((t - then) / (then - before))

    def _gone(self, velocity: Tensor, t: float) -> float:
        way = float(velocity.norm()) * self.spans[t]
        self._way += way
        return way
