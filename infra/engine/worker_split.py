"""How many workers each stage gets: a pure function from measured speeds and queues to counts.

The pace of a chain is that of its slowest stage, so the next worker always goes to the stage that would
take longest to get through what it has still to do (its own queue and all that is on its way to it,
counted in sources so that stages compare). Three rules go before that:

- Every stage that has work, or may get some, keeps one worker. Where not even that fits, stages take
  turns: a turn lasts until the queue is empty or the time is up, so weights are not loaded for nothing.
- A stage that no longer sets the pace gets only a little more than it needs (`SLACK`): its room may be
  needed in a moment, and what it makes early only fills queues.
- A split that is not clearly better (`GAIN`) than the present one is not worth loading weights again.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.resources import Needs, Resources, size
from infra.room import Room

SLACK = 1.25
GAIN = 1.1


@dataclass(frozen=True)
class StageLoad:
    name: str
    speed: float | None
    """Items a second of one worker; None until one was measured: the stage then has one worker only."""
    source_units: float
    """Items of this stage per source."""
    needs: Needs
    waiting: int
    live: bool = True
    """It has work or may get some."""
    finished: bool = False
    in_flight: int = 0
    turn_over: bool = False
    """It had its workers for a whole turn, or they have nothing to do."""
    waited_s: float = 0.0
    """How long it has had no worker."""
    setup_s: float = 0.0
    """What starting a worker took."""
    whole: bool = False
    """All its items are one unit of work, so a second worker would have nothing to do."""


def split(
    stages: Sequence[StageLoad], resources: Resources, current: Mapping[str, int], hold: bool = False
) -> dict[str, int]:
    """Workers per stage. `stages` are in order: a stage feeds on those before it."""
    granted = _granted(stages, resources, current)
    todo = _todo(stages)
    held = {s.name: max(1, current.get(s.name, 0)) for s in granted}
    if hold and _filled(granted, resources, held):
        return {s.name: held.get(s.name, 0) for s in stages}
    loads = [s for s in stages if s.name in held]
    kept = _grow(loads, todo, _filled(granted, resources, held), held)
    fresh = _grow(loads, todo, _filled(granted, resources, ones := dict.fromkeys(held, 1)), ones)
    assert fresh is not None, "each was granted where it fits behind those before it"
    better = kept is None or _pace(loads, todo, fresh) > GAIN * _pace(loads, todo, kept)
    chosen = fresh if better or kept is None else kept
    return {s.name: chosen.get(s.name, 0) for s in stages}


def _granted(
    stages: Sequence[StageLoad], resources: Resources, current: Mapping[str, int]
) -> list[StageLoad]:
    """The stages that get a worker, first those whose turn it is."""

    def turn(s: StageLoad) -> tuple[int, float]:
        has, works = current.get(s.name, 0) > 0, s.waiting > 0
        if has and not s.turn_over:
            return 0, 0.0
        if works:
            return (2, 0.0) if has else (1, -s.waited_s)
        return (3, 0.0) if has else (4, 0.0)

    room = Room(resources)
    ranked = sorted((s for s in stages if s.live and not s.finished), key=turn)
    return [s for s in ranked if room.take(s.needs)]


def _todo(stages: Sequence[StageLoad]) -> dict[str, float]:
    """Sources each stage has still to do: its own queue, and whatever is in front of it."""
    todo, ahead = {}, 0.0
    for s in stages:
        if not s.finished:
            ahead += (s.waiting + s.in_flight) / s.source_units
        todo[s.name] = ahead
    return todo


def _filled(granted: Sequence[StageLoad], resources: Resources, counts: Mapping[str, int]) -> Room | None:
    """What is left when so many workers of each are in; None where they don't fit.

    Large ones first pack best, but not always, and one of each fits in the order in which they were granted.
    """
    by_size = sorted(granted, key=lambda s: size(s.needs), reverse=True)
    further = [s for s in by_size for _ in range(counts[s.name] - 1)]
    for order in ([s for s in by_size for _ in range(counts[s.name])], [*granted, *further]):
        room = Room(resources)
        if all(room.take(s.needs) for s in order):
            return room
    return None


def _worth(s: StageLoad, todo: Mapping[str, float], workers: int) -> bool:
    """A worker that is started now is set up before the others are done."""
    return _pace_of(s, todo, workers) * s.setup_s < 1.0


def _most(s: StageLoad, todo: Mapping[str, float]) -> int:
    """No more workers than there are batches."""
    if s.whole:
        return 1
    return math.ceil(todo[s.name] * s.source_units / s.needs.batch - 1e-9)


def _pace_of(s: StageLoad, todo: Mapping[str, float], workers: int) -> float:
    """The share of what it has to do that a stage gets done in a second."""
    return workers * (s.speed or 0.0) / s.source_units / max(todo[s.name], 1e-9)


def _pace(loads: Sequence[StageLoad], todo: Mapping[str, float], counts: Mapping[str, int]) -> float:
    """The slowest stage's, of those that more workers would help."""
    helped = [s for s in loads if s.speed is not None and counts[s.name] < _most(s, todo)]
    return min((_pace_of(s, todo, counts[s.name]) for s in helped), default=math.inf)


def _grow(
    loads: Sequence[StageLoad], todo: Mapping[str, float], room: Room | None, counts: Mapping[str, int]
) -> dict[str, int] | None:
    """Give worker after worker to the slowest stage. None: even the counts to begin with don't fit."""
    if room is None:
        return None
    grown = dict(counts)
    growing = [
        s
        for s in loads
        if s.speed is not None and grown[s.name] < _most(s, todo) and _worth(s, todo, grown[s.name])
    ]
    slowest = math.inf
    while growing:
        s = min(growing, key=lambda s: _pace_of(s, todo, grown[s.name]))
        pace = _pace_of(s, todo, grown[s.name])
        if pace > SLACK * slowest:
            break
        fits = room.take(s.needs)
        grown[s.name] += fits
        if not fits:
            slowest = min(slowest, pace)
        if not fits or grown[s.name] >= _most(s, todo) or not _worth(s, todo, grown[s.name]):
            growing.remove(s)
    return grown
