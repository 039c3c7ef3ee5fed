"""The `redub` command in this process, for what doesn't start Prefect; and one Prefect server for all that need it."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.command.main import main
from flows.server import POOL, deploy, prefect_process, wait_healthy
from tests.flows.corpus import publish_corpus
from tests.flows.prefect_api import Api


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What it says on a terminal of 80 columns, and that it ends well, or not."""

    def run(*arguments: object, check: bool = True) -> str:
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr(sys, "argv", ["redub", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert (not ended.value.code) == check, captured
        return captured.out + captured.err

    return run


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus and a published version of it. Whoever adds to its catalog adds a version."""
    return publish_corpus(tmp_path_factory.mktemp("cli"))


@pytest.fixture
def here(place: Path, run_command: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The same without a new process, for the commands that don't start Prefect."""
    monkeypatch.chdir(place)
    return run_command


@pytest.fixture(scope="session")
def prefect_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which Prefect talks to a server of this session: starting one takes ten seconds."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}/api"
    env = {
        **os.environ, "PREFECT_HOME": str(tmp_path_factory.mktemp("prefect")), "PREFECT_API_URL": base,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_WORKER_QUERY_SECONDS": "1", "DO_NOT_TRACK": "1",
    }  # fmt: skip
    with prefect_process(["server", "start", "--port", str(port)], env) as server:
        wait_healthy(f"{base}/health", server)
        yield env


@pytest.fixture(scope="session")
def api(prefect_env: dict[str, str]) -> Iterator[Api]:
    """A server with the deployments of prefect.yaml, and a worker for them."""
    deploy(prefect_env)
    with prefect_process(["worker", "start", "--pool", POOL, "--type", "process"], prefect_env):
        yield Api(prefect_env["PREFECT_API_URL"], prefect_env)
