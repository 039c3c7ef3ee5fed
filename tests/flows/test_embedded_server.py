"""The server that Prefect embeds ends with the command that started it, even where that one is killed."""

import contextlib
import os
import signal
import subprocess
import sys

SLOWEST_S = 60
STARTS = """
import time
from prefect.server.api.server import SubprocessASGIServer
from flows.foreground.embedded import start_server
start_server()
print(SubprocessASGIServer().server_process.pid, flush=True)
time.sleep(600)
"""


def test_a_killed_command_leaves_no_server(tmp_path):
    here = os.environ | {"PREFECT_HOME": str(tmp_path), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    here.pop("PREFECT_API_URL", None)
    command = [sys.executable, "-c", STARTS]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, env=here, text=True, start_new_session=True)
    assert running.stdout
    try:
        assert int(running.stdout.readline()) > 0
        running.kill()
        # The server holds this pipe, too: it closes when the last of both has ended.
        running.communicate(timeout=SLOWEST_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL
