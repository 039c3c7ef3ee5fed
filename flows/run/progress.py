"""How far each stage of a running rebuild is, in numbers."""

from dataclasses import dataclass


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
