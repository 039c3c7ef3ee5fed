"""Turns what was seen of people into numbers with intervals, differences of variants, and judged claims.

    found = compared({"generator": people, "editor": people, ...}, noises=3)

An interval is over people, each with all noises at once; that of a difference is over the same people in both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from flows.reproduce.claims import CLAIMS, Claim, Judged, judged
from models.mini.companions.intervals import Sure, over_people
from models.mini.generator.scores import Seen, numbers_of

Person = Sequence[Seen]
"""What is seen of one, once for each noise."""
People = Sequence[Person]
Apart = Callable[[str, str], Mapping[str, Sure]]


@dataclass(frozen=True)
class Reproduction:
    """The numbers of each variant, and what they say of each claim."""

    people: int
    noises: int
    numbers: Mapping[str, Mapping[str, Sure]]
    judged: Sequence[Judged]


def compared(seen: Mapping[str, People], noises: int) -> Reproduction:
    """Variants by their names; claims about those that are not among them are left out."""
    numbers = {name: over_people(people, _numbers) for name, people in seen.items()}

    @cache
    def apart(ours: str, theirs: str) -> Mapping[str, Sure]:
        return differences(seen[ours], seen[theirs])

    about = [one for one in CLAIMS if one.about <= seen.keys()]
    found = [judged(one, _difference(one, numbers, apart)) for one in about]
    return Reproduction(len(next(iter(seen.values()))), noises, numbers, found)


def differences(ours: People, theirs: People) -> Mapping[str, Sure]:
    """Returns by how much each number of ours is above theirs."""

    def apart(both: Sequence[tuple[Person, Person]]) -> dict[str, float]:
        one, other = (_numbers(some) for some in zip(*both, strict=True))
        return {name: one[name] - other[name] for name in one}

    return over_people(list(zip(ours, theirs, strict=True)), apart)


def _difference(claim: Claim, numbers: Mapping[str, Mapping[str, Sure]], apart: Apart) -> Sure:
    if isinstance(claim.theirs, str):
        return apart(claim.ours, claim.theirs)[claim.metric]
    ours = numbers[claim.ours][claim.metric]
    return Sure(ours.value - claim.theirs, ours.plus_minus)


def _numbers(people: People) -> dict[str, float]:
    return numbers_of([one for person in people for one in person])
