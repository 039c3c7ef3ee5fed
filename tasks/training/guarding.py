"""Notices gradients that are not finite or explode, and says when a training has to stop."""

from collections import deque
from statistics import median

from tasks.training.problems import Stop
from tasks.training.recipe import Guards

REMEMBERED = 100
ENOUGH = 20
"""Steps before which nothing is called an explosion."""


class Guard:
    """Knows the norms of the last gradients, and how many steps in a row were left out."""

    def __init__(self, settings: Guards, norms: list[float] | None = None):
        self.settings = settings
        self.norms = deque(norms or [], REMEMBERED)
        self.left_out = 0

    @property
    def most(self) -> float:
        """A gradient longer than this is left out."""
        if len(self.norms) < ENOUGH:
            return float("inf")
        return self.settings.explodes * median(self.norms)

    def saw(self, step: int, norm: float, taken: bool, ids: list[str]) -> str:
        """Takes note of a step; returns why it was left out, or ''. Raises Stop after too many in a row."""
        if taken:
            self.norms.append(norm)
            self.left_out = 0
            return ""
        self.left_out += 1
        why = (
            f"the gradient is {norm:.3g} long, more than {self.settings.explodes:g} times the usual "
            f"{median(self.norms):.3g}"
            if norm < float("inf")
            else "the gradient is not finite"
        )
        if self.left_out >= self.settings.in_a_row:
            raise Stop(
                f"{self.left_out} steps in a row were left out, the last because {why} (step {step}, samples "
                f"{', '.join(ids[:4])}{', ...' if len(ids) > 4 else ''}): look at those clips with `redub sheet`, or "
                "lower optimizer.rate"
            )
        return why
