"""A Prefect server that dies costs a training its reports and nothing else."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.server import ROOT, prefect_process, wait_healthy
from storage.ledger.catalog import Catalog
from storage.trainings.reading import checkpoints_of, metrics_of, training
from tests.flows.prefect_api import until

pytestmark = pytest.mark.timeout(400)
STEPS = 30
CALL = (
    "from flows.train import train_generator\n"
    "train_generator(catalog={catalog!r}, data='world:people=25', run='outage',\n"
    "  overrides=('crop=8', 'batch=2', 'steps={steps}', 'save_every=5', 'validate_on=2'))"
)


def test_a_training_outlives_the_prefect_server(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        **os.environ, "PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLIENT_MAX_RETRIES": "1", "PYTHONPATH": str(ROOT), "PREFECT_LOGGING_LEVEL": "ERROR",
    }  # fmt: skip
    catalog = Catalog(str(tmp_path / "catalog"))
    code = CALL.format(catalog=catalog.root, steps=STEPS)
    with prefect_process(["server", "start", "--port", str(port)], env) as server:
        wait_healthy(f"{env['PREFECT_API_URL']}/health", server)
        flow = subprocess.Popen([sys.executable, "-c", code], env=env, cwd=tmp_path)
        written = Path(catalog.root) / "trainings" / "outage"
        _within(lambda: list(written.glob("step-*/checkpoint.json")), 200, flow)
        server.kill()
        flow.wait(timeout=200)
    assert training(catalog, "outage").state == "finished"
    assert checkpoints_of(catalog, "outage")[-1].step == STEPS
    assert [step for step, _ in metrics_of(catalog, "outage")["loss"]] == list(range(1, STEPS + 1))


def _within(check: Callable[[], Any], seconds: float, flow: subprocess.Popen) -> None:
    def or_over() -> Any:
        assert flow.poll() is None, "the flow ended before the server was killed"
        return check()

    until(or_over, seconds, lambda: time.strftime("%X"))
