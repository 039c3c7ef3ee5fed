"""One line of the table that `make bench` prints: a number, and what it should be."""

from collections.abc import Callable
from dataclasses import dataclass

Say = Callable[[str], None]
"""Where a benchmark tells what it is at."""


@dataclass(frozen=True)
class Line:
    what: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    """Without a target a line is there to be read: it can't be missed."""
    note: str = ""

    @property
    def missed(self) -> bool:
        too_much = self.at_most is not None and self.value > self.at_most
        return too_much or (self.at_least is not None and self.value < self.at_least)

    @property
    def target(self) -> str:
        if self.at_most is not None:
            return f"<= {self.at_most:g}{self.unit}"
        return "" if self.at_least is None else f">= {self.at_least:g}{self.unit}"
