"""The actor between the driver and the workers: it holds the mailbox and runs Ray Train.

Ray ends what an actor started when the actor ends. So killing this one kills a whole training, and when the
driver dies, it goes with the driver: the workers hear nothing any more, which tells them to stop.
"""

from typing import Any

from infra.launch.assignment import Assignment
from infra.launch.mailbox import Mailbox
from infra.launch.outcome import Ended, Fault
from infra.quietray import ray

CALLS = 16
"""Calls at once: one lasts as long as the training, the others answer at once."""


class Supervisor:
    def __init__(self) -> None:
        self._mailbox = Mailbox()

    def run(self, assignment: Assignment) -> Ended:
        from infra.launch.attempts import (
            until_over,  # Ray Train takes seconds to import; the driver needs none
        )

        return until_over(assignment, ray.get_runtime_context().current_actor, self._mailbox)

    def post(self, events: list[dict[str, Any]]) -> bool:
        return self._mailbox.post(events)

    def read(self, seen: int) -> list[dict[str, Any]]:
        return self._mailbox.read(seen)

    def blame(self, fault: Fault) -> None:
        self._mailbox.blame(fault)

    def stop(self) -> None:
        self._mailbox.stop()


def supervisor() -> Any:
    """Starts one on this node."""
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        ray.get_runtime_context().get_node_id(), soft=False
    )
    remote: Any = ray.remote(Supervisor)
    return remote.options(num_cpus=0, max_concurrency=CALLS, scheduling_strategy=here).remote()
