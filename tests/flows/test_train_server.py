"""Trainings through a real Prefect server: triggered as the UI does, watched, cancelled, by a version, without it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from flows.demo.corpus import SEED, make_corpus
from flows.recipe_files import load_recipe
from flows.reports import key_of
from flows.run.graph import stages_of
from flows.server import ROOT, prefect_process, wait_healthy
from storage.ledger.catalog import Catalog
from storage.trainings.reading import checkpoints_of, metrics_of, training
from tests.flows.prefect_api import Api, ray_processes, until
from tests.toy.inline import run_inline

pytestmark = pytest.mark.timeout(1200)
TAKES = {"width": 128, "height": 96, "min_seconds": 2.2, "max_seconds": 4.0, "occluded": 0.0, "close": 1.0}
STEPS = 30
CALL = (
    "from flows.train import train_generator\n"
    "train_generator(catalog={catalog!r}, run='outage',\n"
    "  overrides=('crop=8', 'batch=2', 'steps={steps}', 'save_every=5', 'validate_on=2'))"
)
SMALL = ["crop=8", "batch=2", "save_every=200"]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("training")
    make_corpus(folder / "videos", people=4, takes=1, seed=SEED, broken=0, **TAKES)
    run_inline(
        folder / "videos",
        folder / "catalog",
        stages_of(load_recipe("world", ["latents=on", "companion=off"])),
        batch=4,
    )
    return str(folder / "catalog")


def start(api: Api, catalog: str, run: str, *settings: str, **more: Any) -> str:
    asked = {"catalog": catalog, "run": run, "overrides": [*SMALL, *settings], **more}
    return api.trigger("on-demand", flow="train-generator", **asked)


def test_a_triggered_training_ends_with_a_checkpoint_a_history_and_its_artifacts(
    api: Api, catalog: str
) -> None:
    run = start(api, catalog, "seen", "steps=12")
    assert api.wait(run, "COMPLETED", "FAILED", "CRASHED", "CANCELLED", seconds=200)[0] == "COMPLETED", (
        api.state(run)
    )
    made = api.artifacts(run)
    assert made[key_of(catalog, "seen")]["data"] == 100.0
    assert "run:seen" in made[key_of(catalog, "seen", "page")]["data"]
    here = Catalog(catalog)
    assert [one.step for one in checkpoints_of(here, "seen")] == [12]
    assert len(metrics_of(here, "seen")["loss"]) == 12
    assert training(here, "seen").flow_run == api(f"/flow_runs/{run}")["name"]


def test_what_is_refused_is_told_in_the_runs_state(api: Api, catalog: str) -> None:
    run = start(api, catalog, "wrong", data="v9")
    state, message = api.wait(run, "COMPLETED", "FAILED", "CRASHED", seconds=120)
    assert state == "FAILED"
    assert message.startswith("refused: ")
    assert "has no version 'v9'" in message


@pytest.mark.chaos
def test_cancelling_writes_a_checkpoint_and_frees_the_machine_and_the_same_name_goes_on(
    api: Api, catalog: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    here, home = Catalog(catalog), Path(api.env["PREFECT_HOME"])
    first = start(api, catalog, "cancelled", "steps=60")
    until(
        lambda: _step(api, first, catalog) >= 10, 200, lambda: (api.state(first), _step(api, first, catalog))
    )
    api(f"/flow_runs/{first}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    assert api.wait(first, "CANCELLED", "COMPLETED", "CRASHED", seconds=90)[0] == "CANCELLED"
    until(lambda: not ray_processes(home), 30, lambda: ray_processes(home))
    stopped = [one.step for one in checkpoints_of(here, "cancelled")]
    assert len(stopped) == 1
    assert 10 <= stopped[0] < 60
    assert training(here, "cancelled").state == "stopped"

    second = start(api, catalog, "cancelled")
    assert api.wait(second, "COMPLETED", "FAILED", "CRASHED", seconds=240)[0] == "COMPLETED", api.state(
        second
    )
    assert checkpoints_of(here, "cancelled")[-1].step == 60
    steps = [step for step, _ in metrics_of(here, "cancelled")["loss"]]
    assert steps == list(range(1, 61)), "no step was lost or taken twice"


def test_a_published_version_starts_a_training_once_the_automation_is_switched_on(
    api: Api, catalog: str
) -> None:
    deployment = api("/deployments/name/train-generator/on-publish")["id"]
    (automation,) = [
        one for one in api("/automations/filter", {}) if deployment in json.dumps(one["actions"])
    ]
    assert automation["enabled"] is False, "off by default"
    _switch_on(api, automation["id"])
    runs = until(lambda: _after_publishing(api, catalog, deployment), 150, lambda: automation)
    assert runs[0]["parameters"]["catalog"] == catalog
    assert runs[0]["parameters"]["data"] == "v1"
    for one in runs:
        api(f"/flow_runs/{one['id']}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})


@pytest.mark.chaos
def test_a_training_outlives_the_prefect_server(catalog: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        **os.environ, "PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLIENT_MAX_RETRIES": "1", "PYTHONPATH": str(ROOT), "PREFECT_LOGGING_LEVEL": "ERROR",
    }  # fmt: skip
    here = Catalog(catalog)
    code = CALL.format(catalog=catalog, steps=STEPS)
    with prefect_process(["server", "start", "--port", str(port)], env) as server:
        wait_healthy(f"{env['PREFECT_API_URL']}/health", server)
        flow = subprocess.Popen([sys.executable, "-c", code], env=env, cwd=tmp_path)
        written = Path(catalog) / "trainings" / "outage"
        _within(lambda: list(written.glob("step-*/checkpoint.json")), 200, flow)
        server.kill()
        flow.wait(timeout=200)
    assert training(here, "outage").state == "finished"
    assert checkpoints_of(here, "outage")[-1].step == STEPS
    assert [step for step, _ in metrics_of(here, "outage")["loss"]] == list(range(1, STEPS + 1))


def _step(api: Api, run: str, catalog: str) -> int:
    """As the UI shows it: the share of sixty steps."""
    found = api.artifacts(run).get(key_of(catalog, "cancelled"))
    return round(found["data"] * 60 / 100) if found else 0


def _switch_on(api: Api, automation: str) -> None:
    body = json.dumps({"enabled": True}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{api.base}/automations/{automation}", body, headers, method="PATCH")
    urllib.request.urlopen(request, timeout=30).close()


def _publish(api: Api, catalog: str, version: str) -> None:
    """The event that a rebuild emits (flows/rebuild.py), sent as a client does."""
    event = {
        "id": str(uuid4()), "occurred": datetime.now(UTC).isoformat(), "event": "redub.version.published",
        "resource": {
            "prefect.resource.id": f"redub.catalog.{catalog}", "redub.root": catalog, "redub.version": version,
        },
        "payload": {}, "related": [],
    }  # fmt: skip
    api("/events", [event])


def _after_publishing(api: Api, catalog: str, deployment: str) -> list[dict[str, Any]]:
    """Versions are published again and again: the server may take a while to know that the automation is on."""
    _publish(api, catalog, "v1")
    time.sleep(5)
    return _runs_of(api, deployment)


def _runs_of(api: Api, deployment: str) -> list[dict[str, Any]]:
    return api("/flow_runs/filter", {"flow_runs": {"deployment_id": {"any_": [deployment]}}})


def _within(check: Callable[[], Any], seconds: float, flow: subprocess.Popen) -> None:
    def or_over() -> Any:
        assert flow.poll() is None, "the flow ended before the server was killed"
        return check()

    until(or_over, seconds, lambda: time.strftime("%X"))
