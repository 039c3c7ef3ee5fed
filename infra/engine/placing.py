"""Where workers go: those that are there keep their place, unless a stage would have none because of them.

A split says how many workers fit, not where those stand that are there already: two small ones that began on different
machines may leave no machine with room for a large one, though all three would fit. For what it has to do they make way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.engine.pool import Member, Pool
from infra.resources import Needs, Resources, size
from infra.room import Room


@dataclass(frozen=True)
class Standing:
    """A worker that is there, as far as room goes."""

    needs: Needs
    node: str
    price: int = 0
    """How bad it is to send it away; 0 is one that goes anyway."""


def place(pools: Sequence[Pool], counts: Mapping[str, int], resources: Resources) -> None:
    """Sends away those that are too many, starts those that are missing, the first of each stage first."""
    for pool in pools:
        pool.fit(counts[pool.job.name])
    room = Room(resources)
    for pool in pools:
        pool.occupy(room)
    missing = [pool for pool in pools if counts[pool.job.name] and not pool.members]
    for pool in sorted(missing, key=lambda one: size(one.job.needs), reverse=True):
        pool.grow(1, room)
    for pool in pools:
        pool.grow(counts[pool.job.name], room)
    for pool in missing:
        if not pool.members and (pool.held or pool.job.feed.waiting()):
            _make_way(pool, pools, resources)


def _make_way(pool: Pool, pools: Sequence[Pool], resources: Resources) -> None:
    """They take no further calls, and end when they have answered those they have; the next split begins without them."""
    others = [(one, member) for one in pools if one is not pool for member in one.members]
    standing = [
        Standing(one.job.needs, member.node or member.place, _price(one, member)) for one, member in others
    ]
    for index in in_the_way(pool.job.needs, standing, resources):
        others[index][1].leaving = True
    for one in pools:
        one.retire()


def _price(pool: Pool, member: Member) -> int:
    """The only one of its stage is dearest, then who has something to do."""
    if member.leaving:
        return 0
    return 1 + bool(member.calls) + 2 * (len(pool.staying) == 1)


def in_the_way(needs: Needs, standing: Sequence[Standing], resources: Resources) -> list[int]:
    """Which workers have to go so that one with `needs` fits: the cheapest of one machine. Empty where none would help."""
    found = [_of_machine(node, needs, standing, resources) for node in {one.node for one in standing}]
    return min((one for one in found if one), key=lambda one: sum(standing[n].price for n in one), default=[])


def _of_machine(node: str, needs: Needs, standing: Sequence[Standing], resources: Resources) -> list[int]:
    there = [n for n, one in enumerate(standing) if one.node == node]
    gone: list[int] = []
    for index in sorted(
        there, key=lambda n: (standing[n].price, -standing[n].needs.gpus, -standing[n].needs.cpus)
    ):
        gone.append(index)
        room = Room(resources)
        for n, one in enumerate(standing):
            if n not in gone:
                room.occupied(one.needs, one.node)
        if room.take(needs):
            return gone
    return []
