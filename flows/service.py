"""`redub serve`: a Prefect server with its UI, the deployments of prefect.yaml and a worker, kept alive here.

A worker or server that ends is started again, and runs that lost theirs are gone on with (flows/left_runs.py). SIGTERM
and Ctrl-C end everything in order. What can't be kept alive ends it with exit code 1, for a service manager to see.

The server listens on loopback. Anywhere else it wants a token, since whoever reaches the API can start flows, and so
run code.
"""

import os
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from flows import environment
from flows.errors import ServeError
from flows.left_runs import LeftRuns
from flows.server import POOL, ROOT, deploy, end_process, start_process, wait_healthy
from flows.stopped import WISHES
from flows.terminal.console import console

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LOOK_S = 0.5
PORT_S = 20.0
ENDS, WITHIN_S = 5, 600.0
"""A process that ends so often in this time is not started again."""
UI = "v2"
"""Only Prefect's newer UI draws lineage."""


def serve(host: str, port: int) -> None:
    """Until SIGTERM or Ctrl-C; raises ServeError when it can't be kept up."""
    _check(host, port)
    environment.make_prefect_home()
    base = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 - compared, not bound
    with _ended_by_signals():
        Service(host, port, base, _environment(base)).run()


def _check(host: str, port: int) -> None:
    if host not in LOOPBACK and not os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
        raise ServeError(
            f"listening on {host} lets others start runs here; set PREFECT_SERVER_API_AUTH_STRING=user:password "
            "first (and PREFECT_API_AUTH_STRING to the same on the clients), or leave out --host"
        )
    if not (ROOT / "prefect.yaml").exists():
        raise ServeError(f"{ROOT} holds no prefect.yaml; run redub from a checkout of its repository")
    _await_port(host, port)


def _await_port(host: str, port: int) -> None:
    """One that was killed a moment ago has processes that are just ending."""
    until = time.monotonic() + PORT_S
    while True:
        try:
            socket.create_server(
                (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
            ).close()
            return
        except OSError as error:
            if time.monotonic() > until:
                raise ServeError(
                    f"{host}:{port} can't be listened on ({error.strerror}); give another --port"
                ) from None
        time.sleep(LOOK_S)


def _environment(base: str) -> dict[str, str]:
    env = {**os.environ, "PREFECT_API_URL": f"{base}/api", "PYTHONUNBUFFERED": "1"}
    token = os.environ.get("PREFECT_SERVER_API_AUTH_STRING")
    if token:
        env.setdefault("PREFECT_API_AUTH_STRING", token)
    return env


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM as Ctrl-C. While all is being ended, which takes a while, neither is heard again."""

    def end(_number: int, _frame: FrameType | None) -> None:
        for wish in WISHES:
            signal.signal(wish, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {wish: signal.signal(wish, end) for wish in WISHES}
    try:
        yield
    except KeyboardInterrupt:
        pass  # it has ended in order: no failure
    finally:
        for wish, handler in before.items():
            signal.signal(wish, handler)


class Kept:
    """A process of Prefect's that is started again when it ends."""

    def __init__(self, name: str, arguments: list[str], env: dict[str, str]) -> None:
        self.name, self._arguments, self._env = name, arguments, env
        self._ended: deque[float] = deque(maxlen=ENDS)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = start_process(self._arguments, self._env)

    def stop(self) -> None:
        if self.process:
            end_process(self.process)

    def is_there(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def has_ended(self) -> bool:
        """Says so, and makes sure that nothing of it is left; raises when that happens again and again."""
        if self.process is None or self.process.poll() is None:
            return False
        how = _how(self.process.returncode)
        end_process(self.process)
        self._ended.append(time.monotonic())
        if len(self._ended) == ENDS and self._ended[-1] - self._ended[0] < WITHIN_S:
            raise ServeError(
                f"{self.name} ended {ENDS} times in {self._ended[-1] - self._ended[0]:.0f} s, the last time {how}; "
                "what it printed is above"
            )
        _say(f"{self.name} ended {how}; starting it again")
        return True


class Service:
    """The server and the worker, and what to do when one of them ends."""

    def __init__(self, host: str, port: int, base: str, env: dict[str, str]) -> None:
        where = ["--host", host, "--port", str(port)]
        me = f"redub serve on {socket.gethostname()}"
        self.server = Kept("the Prefect server", ["server", "start", *where], env)
        work = ["worker", "start", "--pool", POOL, "--type", "process", "--name", me]
        self.worker = Kept("the worker", work, env)
        self.left = LeftRuns(f"{base}/api", env.get("PREFECT_API_AUTH_STRING"), me)
        self.base, self.env = base, env

    def run(self) -> None:
        try:
            self._begin()
            while True:
                time.sleep(LOOK_S)
                self._look()
        finally:
            _notify("STOPPING=1")
            self._end()

    def _begin(self) -> None:
        with console.status("Starting the Prefect server, then deploying prefect.yaml ..."):
            self.server.start()
            self._wait_for_server()
            deploy(self.env)
            self._go_on_with_left_runs()
            self.worker.start()
        console.print(f"Prefect UI  {self.base}/{UI}")
        console.print(
            "Deployments rebuild/nightly (scheduled) and rebuild/on-demand: run one from the UI, or with"
        )
        console.print(
            f"  PREFECT_API_URL={self.base}/api prefect deployment run rebuild/on-demand", soft_wrap=True
        )
        console.print("Ctrl-C stops the server, the worker and its runs.")
        _notify("READY=1")

    def _look(self) -> None:
        if self.server.has_ended():
            self.server.start()
            self._wait_for_server()
        if self.worker.has_ended():
            self._go_on_with_left_runs()
            self.worker.start()

    def _wait_for_server(self) -> None:
        assert self.server.process
        wait_healthy(f"{self.base}/api/health", self.server.process)

    def _go_on_with_left_runs(self) -> None:
        for told in self.left.go_on():
            _say(told)

    def _end(self) -> None:
        """The worker first, while there is a server that its runs can tell their end."""
        console.print("Stopping ...")
        running = self.left.running() if self.worker.process and self.server.is_there() else []
        self.worker.stop()
        for told in self.left.go_on(running) if running else ():
            _say(told)
        self.server.stop()


def _how(status: int) -> str:
    return f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"


def _say(what: str) -> None:
    console.print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {what}", markup=False, soft_wrap=True)


def _notify(what: str) -> None:
    """Tells systemd, where it wants to know (Type=notify)."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.sendto(what.encode(), address.replace("@", "\0", 1) if address.startswith("@") else address)
