"""Starts Ray so that SIGTERM reaches this process alone, and does here what it did before.

Whoever cancels a run often signals all processes of its group at once (Prefect does), and Ray's would be gone before
the workers have written a checkpoint. Ray shields its processes from Ctrl-C in the same way. It also takes SIGTERM
for itself in this process, and would end it with a dump.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from infra.cluster import start
from infra.profiles import Profile
from infra.resources import Resources

OURS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def started(profile: Profile) -> Iterator[Resources]:
    """As `cluster.start`; in a thread that isn't the main one signals stay as Ray has them."""
    if threading.current_thread() is not threading.main_thread():
        with start(profile) as resources:
            yield resources
        return
    before = {one: signal.getsignal(one) for one in OURS}
    with ExitStack() as open_:
        with _without_sigterm():
            resources = open_.enter_context(start(profile))
        for one, handler in before.items():
            if handler is not None:  # None: set by something that is not Python
                signal.signal(one, handler)
        yield resources


@contextmanager
def _without_sigterm() -> Iterator[None]:
    """Processes that are started meanwhile never see it; one that comes for us now comes afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
