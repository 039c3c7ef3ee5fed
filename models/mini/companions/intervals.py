"""Says how sure numbers over people are: the jackknife leaves out one person at a time, with all noises at once.

Of a mean that gives Student's interval over people; a correlation over all frames of all people it serves as well
(Efron and Tibshirani 1993, chapter 11).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Person = TypeVar("Person")
Numbers = Mapping[str, float]
Z = 1.959964
STUDENT = (12.706, 4.303, 3.182, 2.776)
"""Two-sided 95 % points of Student's t with one degree of freedom and more."""


@dataclass(frozen=True)
class Sure:
    """A number, and half of its 95 % interval; both NaN where nobody has it."""

    value: float
    plus_minus: float

    def and_over(self, values: Sequence[float]) -> "Sure":
        """As sure as it is over what it was repeated for, too: two doubts that have nothing to do with each other.

        One value says nothing of that.
        """
        if len(values) < 2:
            return self
        apart = _student(len(values) - 1) * float(np.std(values, ddof=1)) / len(values) ** 0.5
        return Sure(self.value, float(np.hypot(self.plus_minus, apart)))

    def __str__(self) -> str:
        return f"{self.value:.3f} +- {self.plus_minus:.3f}" if np.isfinite(self.value) else "-"


def over_people(
    people: Sequence[Person],
    numbers_of: Callable[[Sequence[Person]], Numbers],
    shares: Collection[str] = (),
) -> dict[str, Sure]:
    """Returns each number of all people. `numbers_of` gives NaN for what none of those it is asked about has.

    `shares` are the numbers that are parts of all: one that nobody or everybody has is not for that sure.
    """
    whole = numbers_of(people)
    alone = [numbers_of([one]) for one in people]
    without = [numbers_of([*people[:n], *people[n + 1 :]]) for n in range(len(people))]
    halves = {
        name: _half([w[name] for w, one in zip(without, alone, strict=True) if np.isfinite(one[name])])
        for name in whole
    }
    for name in shares:
        halves[name] = max(halves[name], wilson(whole[name], len(people)))
    return {name: Sure(value, halves[name]) for name, value in whole.items()}


def wilson(share: float, count: int) -> float:
    """Returns half of Wilson's 95 % interval of a share of so many."""
    return Z / (1 + Z**2 / count) * float(np.sqrt(share * (1 - share) / count + (Z / (2 * count)) ** 2))


def _half(without_n: Sequence[float]) -> float:
    count = len(without_n)
    if count < 2:
        return float("nan")
    spread = np.sqrt((count - 1) * np.var(without_n))
    return float(_student(count - 1) * spread)


def _student(freedom: int) -> float:
    """Beyond the table by the expansion about the normal one (Abramowitz and Stegun, 26.7.5)."""
    if freedom <= len(STUDENT):
        return STUDENT[freedom - 1]
    z, n = Z, freedom
    fourth = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    return z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2) + fourth
