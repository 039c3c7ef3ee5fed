"""Starts Ray again where it did not come up in time: it gives itself half a minute, however busy a machine is."""

import logging
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from infra.engine.jobs import EngineError
from infra.ray_shutdown import shut_down

logger = logging.getLogger(__name__)
STARTS = 4
TOO_SLOW = "timed out during startup"
"""What it says then, in an exception of no class of its own."""


class StartError(EngineError):
    """Ray does not come up on this machine; says what to do."""


def start_patiently(init: Callable[[], object]) -> None:
    """Calls `init` until Ray has come up, a few times at most; what half came up is ended before."""
    for left in reversed(range(STARTS)):
        before = _children()
        try:
            init()
        except Exception as error:
            if TOO_SLOW not in str(error):
                raise
            shut_down()
            _end(pid for pid in _children() - before if _is_rays(pid))
            if not left:
                raise StartError(
                    f"Ray did not come up within half a minute, {STARTS} times in a row: this machine is too busy, or has "
                    "too little memory; see what else runs (`top`), and try again"
                ) from error
            logger.warning("Ray did not come up within half a minute, since the machine is busy: once more")
        else:
            return


def _children() -> set[int]:
    """Processes that this one has started."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


def _is_rays(pid: int) -> bool:
    """What other threads have started meanwhile is none of it."""
    try:
        return b"/ray/" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _end(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
