"""`redub serve`: a Prefect server with its UI, the deployments of prefect.yaml, and a worker, here.

The server listens on loopback. Anywhere else it wants a token, since whoever reaches the API can start
flows, and so run code.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows import environment
from flows.errors import ServeError
from flows.terminal.console import console

POOL = "redub-local"
ROOT = Path(__file__).parents[1]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
START_S = 180.0
STOP_S = 40.0


def serve(host: str, port: int) -> None:
    _check(host)
    environment.make_prefect_home()
    base = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 - compared, not bound
    env = {**os.environ, "PREFECT_API_URL": f"{base}/api", "PYTHONUNBUFFERED": "1"}
    token = os.environ.get("PREFECT_SERVER_API_AUTH_STRING")
    if token:
        env.setdefault("PREFECT_API_AUTH_STRING", token)
    with console.status("Starting the Prefect server ..."):
        open_ = prefect_process(["server", "start", "--host", host, "--port", str(port)], env)
    with open_ as server:
        with console.status("Waiting for the server, then deploying prefect.yaml ..."):
            wait_healthy(f"{base}/api/health", server)
            deploy(env)
        with prefect_process(["worker", "start", "--pool", POOL, "--type", "process"], env) as worker:
            console.print(f"Prefect UI  {base}")
            console.print(
                "Deployments rebuild/nightly (scheduled) and rebuild/on-demand: run one from the UI, or with"
            )
            console.print(
                f"  PREFECT_API_URL={base}/api prefect deployment run rebuild/on-demand", soft_wrap=True
            )
            console.print("Ctrl-C stops the server and the worker.")
            _until_interrupted(server, worker)


def _check(host: str) -> None:
    if host not in LOOPBACK and not os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
        raise ServeError(
            f"listening on {host} lets others start runs here; set PREFECT_SERVER_API_AUTH_STRING=user:password "
            "first (and PREFECT_API_AUTH_STRING to the same on the clients), or leave out --host"
        )
    if not (ROOT / "prefect.yaml").exists():
        raise ServeError(f"{ROOT} holds no prefect.yaml; run redub from a checkout of its repository")


def deploy(env: dict[str, str]) -> None:
    """The work pool and the deployments of prefect.yaml; a second time it only updates them."""
    prefect_command(["work-pool", "create", POOL, "--type", "process", "--overwrite"], env)
    prefect_command(["--no-prompt", "deploy", "--all"], env)


def prefect_command(arguments: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(_command(arguments), cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise ServeError(f"prefect {' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _command(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "prefect", *arguments]


@contextmanager
def prefect_process(arguments: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Ended with SIGINT, which lets a worker cancel its runs, and killed if that takes too long.

    Whoever is started in the background of a script ignores SIGINT, and so would its children.
    """
    process = subprocess.Popen(
        _command(arguments),
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


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


def _until_interrupted(*processes: subprocess.Popen[bytes]) -> None:
    try:
        while all(p.poll() is None for p in processes):
            time.sleep(0.5)
        console.print("[red]The server or the worker has ended; stopping the other.[/]")
    except KeyboardInterrupt:
        console.print("\nStopping ...")
