"""`redub serve` as a service: its real processes are killed, and it is stopped as a service manager stops it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.demo.corpus import SHORT, make_corpus
from flows.left_runs import processes
from flows.recipes import RECIPES
from flows.run.graph import nodes_of, stages_of
from flows.server import ROOT
from storage.ledger.catalog import Catalog
from storage.versions.version import tags
from tests.flows.prefect_api import Api, many_from, ray_processes, until
from tests.flows.prefect_api import processes as processes_of

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]
MANY = 30
AGENT_S = 15.0
"""So long after all the others Ray's own agents may see that their node has gone."""


class Served:
    """`redub serve`, as often as it is started, in one place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.env = {
            **os.environ, "PREFECT_HOME": str(folder / "prefect"), "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "NOTIFY_SOCKET": str(folder / "notify"),
        }  # fmt: skip
        self.env.pop("PREFECT_API_URL", None)
        self.api = Api(f"http://127.0.0.1:{self.port}/api", self.env)
        self.said: list[str] = []
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.bind(str(folder / "notify"))
        self.start()

    def start(self) -> None:
        """Until it says that it is ready, as systemd waits for it."""
        self.running = subprocess.Popen(
            [sys.executable, "-m", "flows", "serve", "--port", str(self.port)],
            cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        threading.Thread(
            target=lambda out: self.said.extend(out), args=(self.running.stdout,), daemon=True
        ).start()
        self.wait_told(b"READY=1")

    def wait_told(self, what: bytes) -> None:
        self._manager.settimeout(600)
        assert self._manager.recv(100) == what

    def children(self, words: str) -> list[int]:
        """Its processes of this kind."""
        mine = processes_of(f"http://127.0.0.1:{self.port}/api")
        return [pid for pid, command in mine if words in command]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.running.kill()
    until(lambda: not served.children(""), 20, lambda: served.children(""))


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    make_corpus(tmp_path / "few", people=2, takes=2, broken=3, **SHORT)
    many_from(tmp_path / "few", tmp_path / "videos", MANY)
    return {
        "sources": str(tmp_path / "videos"), "catalog": str(tmp_path / "catalog"), "recipe": "world",
        "overrides": ["companion=off"],
    }  # fmt: skip


def test_a_killed_worker_comes_back_and_its_run_goes_on_and_can_be_cancelled(
    served: Served, asked: dict[str, Any]
) -> None:
    api, catalog = served.api, Catalog(asked["catalog"])
    run = api.trigger("on-demand", **asked)
    until(lambda: _rows(catalog) > 3, 120, lambda: (api.state(run), served.said))
    (worker,) = served.children("worker start")
    os.kill(worker, signal.SIGKILL)
    until(lambda: "Goes on" in _states(api, run), 90, lambda: (_states(api, run), served.said))
    kept = _rows(catalog)
    until(lambda: api.state(run)[0] == "RUNNING", 90, lambda: (_states(api, run), served.said))
    assert served.running.poll() is None
    assert len(processes(api.base)) == 1, "the orphan is gone"
    until(lambda: _rows(catalog) > kept, 90, lambda: (api.state(run), served.said))
    api(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    ended = api.wait(run, "CANCELLED", "COMPLETED", "CRASHED", seconds=90)
    assert ended[0] == "CANCELLED", (ended, _states(api, run), served.said)
    until(lambda: catalog.holder() is None, 30, lambda: catalog.holder())
    again = api.trigger("on-demand", **asked)
    assert api.wait(again, "COMPLETED", "FAILED", "CRASHED", seconds=240)[0] == "COMPLETED"
    assert tags(catalog) == ["v1"]
    keys = catalog.table(_ingest()).select(None, ["key"])["key"].to_pylist()
    assert len(keys) == len(set(keys)) == MANY, "nothing was computed twice"
    assert 0 < kept <= MANY


def test_sigterm_ends_all_of_it_and_the_run_goes_on_when_it_is_started_again(
    served: Served, asked: dict[str, Any]
) -> None:
    api, catalog = served.api, Catalog(asked["catalog"])
    run = api.trigger("on-demand", **asked)
    until(lambda: _rows(catalog) > 3, 120, lambda: (api.state(run), served.said))
    began = time.monotonic()
    served.running.send_signal(signal.SIGTERM)
    served.wait_told(b"STOPPING=1")
    assert served.running.wait(timeout=120) == 0, served.said
    assert time.monotonic() - began < 90, "TimeoutStopSec of the unit in the docs"
    until(
        lambda: not served.children(""), AGENT_S, lambda: (served.children(""), "server, worker, run and Ray")
    )
    until(lambda: not ray_processes(served.folder / "x"), AGENT_S, lambda: ray_processes(served.folder / "x"))
    assert catalog.holder() is None
    served.start()
    assert api.wait(run, "COMPLETED", "FAILED", "CRASHED", seconds=240)[0] == "COMPLETED", served.said
    assert tags(catalog) == ["v1"]


def test_killed_itself_it_leaves_nothing_that_holds_the_catalog_and_the_run_goes_on(
    served: Served, asked: dict[str, Any]
) -> None:
    api, catalog = served.api, Catalog(asked["catalog"])
    run = api.trigger("on-demand", **asked)
    until(lambda: _rows(catalog) > 3, 120, lambda: (api.state(run), served.said))
    served.running.kill()
    served.running.wait()
    until(lambda: not served.children(""), 30, lambda: served.children(""))
    served.start()
    assert api.wait(run, "COMPLETED", "FAILED", "CRASHED", seconds=240)[0] == "COMPLETED", served.said


def test_a_killed_server_comes_back_and_what_can_not_be_kept_up_ends_with_an_exit_code(
    served: Served,
) -> None:
    (server,) = served.children("server start")
    os.kill(server, signal.SIGKILL)
    until(lambda: served.children("server start") not in ([], [server]), 60, lambda: served.said)
    until(lambda: _answers(served.api), 60, lambda: served.said)
    for _ in range(5):
        workers = until(lambda: served.children("worker start"), 60, lambda: served.said)
        os.kill(workers[0], signal.SIGKILL)
        until(lambda gone=workers: served.children("worker start") != gone, 60, lambda: served.said)
    assert served.running.wait(timeout=120) == 1
    assert any("the worker ended 5 times" in line for line in served.said), served.said
    assert not served.children("")


def _answers(api: Api) -> bool:
    try:
        api("/health")
    except urllib.error.URLError:
        return False
    return True


def _states(api: Api, run: str) -> list[str]:
    found: list[Any] = api(f"/flow_run_states/?flow_run_id={run}")
    return [one["name"] for one in found]


def _ingest() -> Any:
    return next(n for n in nodes_of(stages_of(RECIPES["world"])) if n.name == "ingest")


def _rows(catalog: Catalog) -> int:
    return catalog.table(_ingest()).select(None, ["item_id"]).num_rows
