"""How far each stage of a running rebuild is, in numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEAST_SHARE = 0.02
"""Of a run that has done less nothing is said of how long it takes."""


@dataclass(frozen=True)
class StageProgress:
    name: str
    done: int
    """Items that this run finished and committed."""
    expected: int
    """Items that this run will have finished, as far as is known now."""
    ok: int
    rejected: int
    quarantined: int
    workers: int
    rate: float
    finished: bool
    oldest: tuple[str, float] | None

    @property
    def eta_s(self) -> float | None:
        left = self.expected - self.done
        return left / self.rate if self.rate and left > 0 else None


def share_done(stages: Sequence[StageProgress], seconds: Mapping[str, float]) -> float:
    """Of all that a run has to do, by what an item of each stage costs. `seconds`: as it was measured before."""
    costs = {one.name: seconds.get(one.name) or _cost(one) for one in stages}
    known = [cost for cost in costs.values() if cost]
    usual = sum(known) / len(known) if known else 1.0
    done = sum(one.done * (costs[one.name] or usual) for one in stages)
    whole = sum(max(one.expected, one.done) * (costs[one.name] or usual) for one in stages)
    return done / whole if whole else 1.0


def _cost(one: StageProgress) -> float:
    return one.workers / one.rate if one.rate else 0.0


def time_left(stages: Sequence[StageProgress], share: float, elapsed: float) -> float | None:
    """Seconds; None as long as it is a guess. Not before the slowest stage, nor sooner than it went so far."""
    if share < LEAST_SHARE:
        return None
    so_far = elapsed * (1 - share) / share
    return round(max([so_far, *(one.eta_s for one in stages if one.eta_s)]), 1)
