"""Takes Ray down in a process that goes on, whatever its other threads are at.

Who lets go of an ObjectRef or of an actor's handle tells Ray's core so, and a core that is just being taken down answers
by ending the process: with status 1, and a line on standard error. Any thread may do that, since any may be the one that
collects garbage. So while it is taken down, it is not told.
"""

from typing import Any

from infra.quietray import ray


class _Leaving:
    """The core, but for what it need not hear any more."""

    def __init__(self, core: Any) -> None:
        self._core = core

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def remove_object_ref_reference(self, _: Any) -> None:
        """Its objects go with it."""

    def remove_actor_handle_reference(self, _: Any) -> None:
        """So do its actors."""


def shut_down() -> None:
    worker = ray._private.worker.global_worker
    if hasattr(worker, "core_worker"):
        worker.core_worker = _Leaving(worker.core_worker)
    ray.shutdown()
