"""A driver whose engine follows the nodes of a cluster: `python -m tests.infra.following ADDRESS ITEMS`.

Each item sleeps; a line for each says on which node it was, and a last one what became of all of them.
"""

import sys
import time
from functools import partial

from infra.cluster import look, start
from infra.engine.jobs import Done, Failed, Job
from infra.engine.loop import Engine
from infra.profiles import Profile
from infra.quietray import cloudpickle, ray
from infra.resources import Needs
from tests.infra.memory import MemoryFeed, MemorySink, each, works

cloudpickle.register_pickle_by_value(sys.modules[__name__])
NEEDS = Needs(cpus=1, memory_gb=0.2, timeout_s=60)


def doze(_: int) -> str:
    time.sleep(0.3)
    return ray.get_runtime_context().get_node_id()


class Telling(MemorySink):
    def __call__(self, outcomes: list[Done | Failed]) -> None:
        super().__call__(outcomes)
        for one in outcomes:
            print(one.result if isinstance(one, Done) else one.reason, flush=True)


def main(address: str, items: int) -> None:
    profile, sink = Profile(name="following", ray_address=address), Telling()
    job = Job("doze", NEEDS, each(doze), MemoryFeed(works(range(items))), sink)
    with start(profile) as resources:
        Engine([job], resources, partial(look, profile)).run()
    print(f"{len(sink.outcomes)} outcomes, {len(sink.done)} done, {len(sink.failed)} failed", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
