"""Launches a function on the workers of a training, and follows it to its end.

    ended = launch(profile, train, payload, tell=print, stop=event)

The same on one laptop core and on a cluster of GPUs: the profile's table `training` says how many workers.
"""

import contextlib
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from infra.launch.assignment import Assignment, check_room, environment, pack
from infra.launch.here import Stop, asked
from infra.launch.outcome import Ended, Function
from infra.launch.signals import started
from infra.launch.supervisor import supervisor
from infra.profiles import Profile
from infra.quietray import cloudpickle, ray, ray_errors

LOOK_S = 0.2
GRACE_S = 60.0
"""So long the workers may take to save and return."""
END_S = 20.0
"""So long Ray Train may take to give back what killed workers held."""

Tell = Callable[[dict[str, Any]], None]


def launch(
    profile: Profile,
    function: Function,
    payload: Any,
    tell: Tell,
    *,
    stop: Stop,
    attempts: int | None = None,
    grace_s: float = GRACE_S,
) -> Ended:
    """Call `function(payload, channel)` on every worker that the profile names, again where it fails.

    `tell` gets each event once, in order, in this thread; what it raises ends the workers. Ctrl-C is a wish
    to stop, a second one ends them at once."""
    packed = pack(function, payload)
    with started(profile) as resources:
        check_room(profile, resources)
        most = profile.training.attempts if attempts is None else attempts
        with _notes() as folder:
            drains = profile.ray_address is not None
            assignment = Assignment(packed, profile.training, most, folder, environment(), drains)
            return Following(assignment, tell, asked(stop), grace_s).to_the_end()


@contextlib.contextmanager
def _notes() -> Iterator[str]:
    """A folder among Ray's own, so that a killed driver leaves nothing where anybody else looks."""
    context = ray.get_runtime_context()
    folder = f"{context.get_temp_dir()}/{context.get_session_name()}/redub/training-{uuid.uuid4().hex[:12]}"
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Following:
    """One launch, seen from the driver."""

    def __init__(self, assignment: Assignment, tell: Tell, stop: Callable[[], bool], grace_s: float) -> None:
        self._tell, self._stop, self._grace_s = tell, stop, grace_s
        self._supervisor = supervisor()
        self._running = self._supervisor.run.remote(assignment)
        self._seen = 0
        self._starts = 1
        self._deadline: float | None = None

    def to_the_end(self) -> Ended:
        try:
            return self._follow_through_interrupts()
        except ray_errors.RayError as error:
            line = f"the process that supervises the training is gone ({str(error).splitlines()[0]})"
            return Ended("failed", self._starts, line, detail=str(error))
        finally:
            self._end()

    def _end(self) -> None:
        """Kill what still runs. Killing the supervisor at once would do, but leave their CPUs taken until this
        process ends: Ray counts them as the job's."""
        if not ray.wait([self._running], timeout=0)[0]:
            self._supervisor.end_workers.remote()
            ray.wait([self._running], timeout=END_S)
        ray.kill(self._supervisor)

    def _follow_through_interrupts(self) -> Ended:
        while True:
            try:
                return self._follow()
            except KeyboardInterrupt:
                if self._deadline is not None:
                    raise
                self._ask()

    def _follow(self) -> Ended:
        while not ray.wait([self._running], timeout=LOOK_S)[0]:
            self._pass_on()
            if self._deadline is None and self._stop():
                self._ask()
            if self._deadline is not None and time.monotonic() > self._deadline:
                late = f"did not stop within {self._grace_s:g} s, and was killed"
                return Ended("stopped", self._starts, late)
        self._pass_on()
        return ray.get(self._running)

    def _ask(self) -> None:
        self._deadline = time.monotonic() + self._grace_s
        self._supervisor.stop.remote()

    def _pass_on(self) -> None:
        for packed in ray.get(self._supervisor.read.remote(self._seen)):
            event = cloudpickle.loads(packed)
            self._seen += 1
            self._starts = event["attempt"] if event.get("event") == "attempt" else self._starts
            self._tell(event)
