"""The actor between the driver and the workers: it holds the letterbox and runs Ray Train.

When the driver dies, Ray ends it, and what it has started; a worker that outlives both hears nothing any
more, which tells it to stop.
"""

from typing import Any

from infra.launch.assignment import Assignment
from infra.launch.letterbox import Letterbox
from infra.launch.outcome import Ended, Fault
from infra.quietray import ray

CALLS = 16
"""Calls at once: one lasts as long as the training, the others answer at once."""


class Supervisor:
    def __init__(self) -> None:
        self._letterbox = Letterbox()
        self._workers: list[Any] = []

    def run(self, assignment: Assignment) -> Ended:
        from infra.launch.attempts import (
            until_over,
        )  # Ray Train takes seconds to import; the driver needs none

        return until_over(assignment, ray.get_runtime_context().current_actor, self._letterbox)

    def post(self, events: list[bytes]) -> bool:
        return self._letterbox.post(events)

    def read(self, seen: int) -> list[bytes]:
        return self._letterbox.read(seen)

    def blame(self, fault: Fault) -> None:
        self._letterbox.blame(fault)

    def join(self, worker: Any) -> None:
        self._workers.append(worker)

    def stop(self) -> None:
        self._letterbox.stop()

    def end_workers(self) -> None:
        """Without asking them. Ray Train then gives back what they held, and `run` returns."""
        self._letterbox.stop()
        for worker in self._workers:
            ray.kill(worker)


def supervisor() -> Any:
    """Starts one on this node."""
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        ray.get_runtime_context().get_node_id(), soft=False
    )
    remote: Any = ray.remote(Supervisor)
    return remote.options(num_cpus=0, max_concurrency=CALLS, scheduling_strategy=here).remote()
