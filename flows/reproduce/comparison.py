"""Turns what was seen of people into numbers with intervals, differences of variants, and judged claims.

    found = compared({"generator": [people], "editor": [people], ...}, noises=3)

An interval is over people, each with all trainings and noises at once; that of a difference is over the same people in
both. Where nets were trained more than once, it also holds how far the trainings lie apart.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

from flows.reproduce.claims import CLAIMS, Claim, Judged, judged
from models.mini.companions.intervals import Sure, over_people
from models.mini.generator.scores import Seen, numbers_of

Person = Sequence[Seen]
"""What is seen of one, once for each noise."""
People = Sequence[Person]
Trainings = Sequence[People]
"""The same people, with what each training of a variant made of them."""
Apart = Callable[[str, str], Mapping[str, Sure]]


@dataclass(frozen=True)
class Reproduction:
    """The numbers of each variant, and what they say of each claim."""

    people: int
    noises: int
    trainings: int
    numbers: Mapping[str, Mapping[str, Sure]]
    judged: Sequence[Judged]


def compared(seen: Mapping[str, Trainings], noises: int) -> Reproduction:
    """Variants by their names; claims about those that are not among them are left out."""
    numbers = {name: _sure(_numbers, trainings) for name, trainings in seen.items()}

    @cache
    def apart(ours: str, theirs: str) -> Mapping[str, Sure]:
        return differences(seen[ours], seen[theirs])

    about = [one for one in CLAIMS if one.about <= seen.keys()]
    found = [judged(one, _difference(one, numbers, apart)) for one in about]
    one = next(iter(seen.values()))
    return Reproduction(len(one[0]), noises, len(one), numbers, found)


def differences(ours: Trainings, theirs: Trainings) -> Mapping[str, Sure]:
    """Returns by how much each number of ours is above theirs."""

    def apart(ours: People, theirs: People) -> dict[str, float]:
        one, other = _numbers(ours), _numbers(theirs)
        return {name: one[name] - other[name] for name in one}

    return _sure(apart, ours, theirs)


def _sure(numbers_of: Callable[..., dict[str, float]], *variants: Trainings) -> Mapping[str, Sure]:
    """What follows from the people of each variant, as sure as people and trainings let it be."""
    together = [[list(chain(*person)) for person in zip(*trainings, strict=True)] for trainings in variants]
    found = over_people(list(zip(*together, strict=True)), lambda some: numbers_of(*zip(*some, strict=True)))
    each = [numbers_of(*people) for people in zip(*variants, strict=True)]
    return {name: sure.and_over([one[name] for one in each]) for name, sure in found.items()}


def _difference(claim: Claim, numbers: Mapping[str, Mapping[str, Sure]], apart: Apart) -> Sure:
    if isinstance(claim.theirs, str):
        return apart(claim.ours, claim.theirs)[claim.metric]
    ours = numbers[claim.ours][claim.metric]
    return Sure(ours.value - claim.theirs, ours.plus_minus)


def _numbers(people: People) -> dict[str, float]:
    return numbers_of([one for person in people for one in person])
