"""What runs in a worker that Ray Train started: the function, and its channel to the supervisor."""

import contextlib
import threading
from dataclasses import dataclass
from typing import Any

import ray.train

from infra.launch.outcome import fault_of
from infra.quietray import cloudpickle, ray_errors
from infra.quietray import ray as core

QUIET_S = 0.5
"""A worker that says nothing asks this often whether it is to stop."""
BREATH_S = 0.1
"""Events of so long travel together."""
GONE_S = 30.0
"""A supervisor that has not answered for so long is gone."""
DRAIN_S = 5.0
"""How often the workers ask Ray whether one of their nodes is about to be taken away."""


@dataclass(frozen=True)
class Returned:
    result: Any
    stopped: bool
    """The function was told to stop, and did."""
    preempted: bool
    """... because a node is about to be taken away."""


class WorkerFailed(RuntimeError):
    """Stands for whatever the function raised, which may not survive being sent."""


class RemoteChannel:
    """Two threads talk to the supervisor and to Ray, so that a step pays for neither."""

    def __init__(self, supervisor: Any) -> None:
        self._supervisor = supervisor
        self._events: list[bytes] = []
        self._sending = threading.Lock()
        self._wake, self._closed = threading.Event(), threading.Event()
        self._asked, self._preempted = threading.Event(), threading.Event()
        self.heard = False
        for target in (self._talk, self._watch_for_drain):
            threading.Thread(target=target, daemon=True, name=f"launch{target.__name__}").start()

    def tell(self, event: dict[str, Any]) -> None:
        """Pickled here, so that what can't be sent is said where it was told."""
        self._events.append(cloudpickle.dumps(event))
        self._wake.set()

    def stopping(self) -> bool:
        self.heard = self.heard or self._asked.is_set() or self._preempted.is_set()
        return self.heard

    @property
    def preempted(self) -> bool:
        return self._preempted.is_set() and not self._asked.is_set()

    def close(self) -> None:
        """Everything told has arrived, if anybody is there."""
        self._closed.set()
        self._send()

    def _talk(self) -> None:
        while not self._closed.wait(BREATH_S):
            self._wake.wait(QUIET_S)
            self._wake.clear()
            self._send()

    def _send(self) -> None:
        with self._sending:
            count = len(self._events)
            try:
                stop = core.get(self._supervisor.post.remote(self._events[:count]), timeout=GONE_S)
            except ray_errors.RayError:  # nobody listens any more, which is a reason to stop
                stop = True
            del self._events[:count]
            if stop:
                self._asked.set()

    def _watch_for_drain(self) -> None:
        """Ray wants all workers to ask alike, and lets each wait for the others: hence a thread of its own."""
        with contextlib.suppress(ray_errors.RayError):  # the others have finished
            while not self._closed.wait(DRAIN_S):
                if ray.train.get_preemption_info() is not None:
                    self._preempted.set()
                    return


def work(config: dict[str, Any]) -> bytes:
    """Ray Train calls this on every worker. The result goes back pickled, so that Ray has no say in what it is."""
    rank = ray.train.get_context().get_world_rank()
    channel = RemoteChannel(config["supervisor"])
    try:
        core.get(config["supervisor"].join.remote(core.get_runtime_context().current_actor))
        function, payload = cloudpickle.loads(config["packed"])
        result = function(payload, channel)
        packed = cloudpickle.dumps(Returned(result, channel.heard, channel.preempted))
    except BaseException as error:  # noqa: BLE001 - SystemExit too: whatever it raises is its outcome
        channel.close()
        fault = fault_of(error, rank)
        core.get(config["supervisor"].blame.remote(fault), timeout=GONE_S)
        raise WorkerFailed(fault.line) from None
    channel.close()
    return packed
