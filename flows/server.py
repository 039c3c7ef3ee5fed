"""Prefect's own processes here: its server with the UI, the deployments of prefect.yaml, and a worker.

Each is a process of its own group, and ends when this one does, however this one ends.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate

from flows.errors import ServeError

POOL = "redub-local"
ROOT = Path(__file__).parents[1]
START_S = 180.0
STOP_S = 40.0
DIES_WITH_PARENT = 1
"""`PR_SET_PDEATHSIG` of Linux."""
_C = ctypes.CDLL(None)


def deploy(env: dict[str, str]) -> None:
    """The work pool and the deployments of prefect.yaml; a second time it only updates them."""
    prefect_command(["work-pool", "create", POOL, "--type", "process", "--overwrite"], env)
    prefect_command(["--no-prompt", "deploy", "--all"], env)
    _close_forms(env)


def _close_forms(env: dict[str, str]) -> None:
    """A word that no form has is refused before a run begins; Prefect itself would start a process, and have it crash."""
    api, token = env["PREFECT_API_URL"], env.get("PREFECT_API_AUTH_STRING")
    with SyncPrefectClient(api, auth_string=token) as client:
        for one in client.read_deployments():
            if (one.entrypoint or "").startswith("flows."):
                schema = {**(one.parameter_openapi_schema or {}), "additionalProperties": False}
                client.update_deployment(one.id, DeploymentUpdate(parameter_openapi_schema=schema))


def prefect_command(arguments: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(_command(arguments), cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise ServeError(f"prefect {' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _command(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "prefect", *arguments]


@contextmanager
def prefect_process(arguments: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Runs as long as this is open."""
    process = start_process(arguments, env)
    try:
        yield process
    finally:
        end_process(process)


def start_process(arguments: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Whoever is started in the background of a script ignores SIGINT, and so would its children: they must not."""
    return subprocess.Popen(
        _command(arguments),
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_as_child,
    )


def _as_child() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux":
        _C.prctl(DIES_WITH_PARENT, signal.SIGINT)


def end_process(process: subprocess.Popen[bytes]) -> None:
    """With SIGINT, which lets a worker end its runs; what of its group is left after a while is killed."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # nothing of it is left


def wait_healthy(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if server.poll() is not None:
            raise ServeError(
                f"the Prefect server ended with status {server.returncode}; is the port in use? (--port)"
            )
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own http address
                return
        except OSError:
            time.sleep(0.3)
    raise ServeError(f"the Prefect server did not answer at {url} within {START_S:.0f} s")
