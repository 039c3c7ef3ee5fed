"""Starts the server that Prefect embeds where there is no other, so that a terminal's Ctrl-C does not reach it.

Ctrl-C goes to all processes of the terminal's group. A rebuild that it stops commits what is done and tells Prefect so,
for which the server has to be there still. It ends with this process, by SIGTERM, even where this one is killed.
"""

import os
import signal
import subprocess

from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_EPHEMERAL_ENABLED


def start_server() -> None:
    """Once a process. A Ctrl-C of meanwhile comes when it has started. Starts none where there is, or shall be, another."""
    if PREFECT_API_URL.value() or not PREFECT_SERVER_EPHEMERAL_ENABLED.value():
        return
    # It shares this terminal: that its database was locked for a moment, and was asked again, is nobody's business here.
    os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", os.environ.get("PREFECT_LOGGING_LEVEL", "CRITICAL"))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # which a process inherits
    try:
        (server := SubprocessASGIServer()).start()
        assert server.server_process is not None
        _end_with_this_process(server.server_process.pid)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_this_process(pid: int) -> None:
    """Nothing of ours runs after a SIGKILL, but a pipe's other end sees that nobody holds this one any more."""
    watch = ["sh", "-c", f"read -r _; kill {pid} 2>/dev/null"]
    nowhere = subprocess.DEVNULL
    _WATCHES.append(
        subprocess.Popen(watch, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, start_new_session=True)
    )


_WATCHES: list[subprocess.Popen[bytes]] = []
"""Held, since a pipe that is collected is closed."""
