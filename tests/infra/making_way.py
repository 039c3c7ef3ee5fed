"""A driver of two stages, the small one's worker where the large one fits: `python -m tests.infra.making_way ADDRESS ITEMS`.

The small one has something to do until the large one is done. A line for each item says which it was, and on which node.
"""

import sys
from functools import partial

from infra.cluster import look, start
from infra.engine.jobs import Done, Failed, Job
from infra.engine.loop import Engine
from infra.profiles import Profile
from infra.resources import Needs
from tests.infra.following import doze
from tests.infra.memory import MemoryFeed, MemorySink, each, works

SMALL, LARGE = Needs(cpus=1, timeout_s=60), Needs(cpus=2, timeout_s=60)
ENDLESS = 100_000


class Telling(MemorySink):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def __call__(self, outcomes: list[Done | Failed]) -> None:
        super().__call__(outcomes)
        for one in outcomes:
            print(self.name, one.result if isinstance(one, Done) else one.reason, flush=True)


class Last(Telling):
    """With its last outcome the other stage's work is over."""

    def __init__(self, items: int, other: MemoryFeed) -> None:
        super().__init__("large")
        self.items, self.other = items, other

    def __call__(self, outcomes: list[Done | Failed]) -> None:
        super().__call__(outcomes)
        if len(self.outcomes) == self.items:
            self.other.take(ENDLESS)
            self.other.close()


def main(address: str, items: int) -> None:
    profile, endless = (
        Profile(name="making-way", ray_address=address),
        MemoryFeed(works(range(ENDLESS)), open=True),
    )
    small = Job("small", SMALL, each(doze), endless, Telling("small"))
    large = Job("large", LARGE, each(doze), MemoryFeed(works(range(items))), sink := Last(items, endless))
    with start(profile) as resources:
        Engine([small, large], resources, partial(look, profile)).run()
    print(f"{len(sink.done)} done, {len(sink.failed)} failed", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
