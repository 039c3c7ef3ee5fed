"""Against a real Prefect server and worker: deploy, trigger, watch, refuse a second one, cancel, resume."""

import importlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.demo.corpus import SHORT, make_corpus
from flows.recipes import RECIPES
from flows.reports import key_of
from flows.run.graph import nodes_of, stages_of
from flows.server import ROOT, prefect_command
from storage.ledger.catalog import Catalog
from storage.ledger.lock import catalog_lock
from storage.versions.version import load_version, tags
from tests.flows.prefect_api import Api, many_from, ray_processes, until

pytestmark = pytest.mark.timeout(1200)
MANY = 80
CLIPS: dict[str, Any] = {"recipe": "world", "overrides": ["companion=off"]}
"""A recipe without pairs: these tests are of the server."""
"""Sources of the run that is interrupted: enough for half a minute of work."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("server") / "videos"
    make_corpus(folder, people=2, takes=2, broken=3, **SHORT)
    return folder


def test_deployments_have_a_schedule_and_a_typed_form(api: Api) -> None:
    nightly = api("/deployments/name/rebuild/nightly")
    assert nightly["schedules"][0]["schedule"] == {
        "cron": "0 2 * * *",
        "timezone": "Europe/Berlin",
        "day_or": True,
    }
    assert nightly["concurrency_limit"] is None, "the catalog is what two runs can't share"
    due = {
        "flow_runs": {"deployment_id": {"any_": [nightly["id"]]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
    }
    runs = until(
        lambda: api("/flow_runs/filter", due), 30, lambda: "no run of the nightly deployment is scheduled"
    )
    assert {one["expected_start_time"][11:16] for one in runs} <= {"00:00", "01:00"}, "02:00 in Berlin"
    form = nightly["parameter_openapi_schema"]["properties"]
    assert {
        name: field["type"] for name, field in form.items() if name in ("recipe", "overrides", "anyway")
    } == {"recipe": "string", "overrides": "array", "anyway": "string"}


def test_every_deployment_names_a_module_and_not_a_file() -> None:
    """A file would put its own folder first on `sys.path`, and so in every process that a run spawns."""
    for deployment in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]:
        module, _, name = deployment["entrypoint"].rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))


def test_a_deployed_run_spawns_processes_that_find_the_standard_library(api: Api) -> None:
    own = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    like = own["deployments"][0] | {"name": "spawning", "entrypoint": "tests.flows.spawning.spawning"}
    like = {k: v for k, v in like.items() if k in ("name", "entrypoint", "work_pool")}
    file = ROOT / f".spawning-{os.getpid()}.yaml"
    try:
        file.write_text(yaml.safe_dump({**own, "deployments": [like]}))
        prefect_command(["--no-prompt", "deploy", "--all", "--prefect-file", file.name], api.env)
    finally:
        file.unlink()
    run = api.trigger("spawning", flow="spawning")
    assert api.wait(run, "COMPLETED", "FAILED", "CRASHED")[0] == "COMPLETED", api.state(run)


def test_a_bad_value_is_refused_with_the_name_of_the_field(api: Api, corpus: Path) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        api.trigger("on-demand", sources=str(corpus), overrides={"min_sharpness": 8})
    assert refused.value.code == 409
    assert "overrides" in refused.value.read().decode()
    run = api.trigger("on-demand", sources=str(corpus), overrides=["verdict.min_sharpness=very"])
    state, message = api.wait(run, "COMPLETED", "FAILED", "CRASHED")
    assert (state, "verdict.min_sharpness" in message) == ("FAILED", True), message
    _told_once(api, run, message)


def test_forms_refuse_what_does_not_fit_and_words_that_they_do_not_have(api: Api) -> None:
    forms = {
        "rebuild": {"sources": "videos"}, "train-generator": {"catalog": "catalog"},
        "bootstrap": {"source": "videos", "name": "b"},
    }  # fmt: skip
    for flow, asked in forms.items():
        for wrong in ({"overrides": 5}, {"profile": 5}, {"overides": ["a.b=1"]}):
            with pytest.raises(urllib.error.HTTPError) as refused:
                api.trigger("on-demand", flow=flow, **asked, **wrong)
            assert refused.value.code == 409, (flow, wrong)
            assert next(iter(wrong)) in refused.value.read().decode()


def test_a_run_that_fails_calls_the_alarm(api: Api) -> None:
    heard: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing to the terminal."""

    hook = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    for _ in range(2):
        subprocess.run(
            [sys.executable, "docs/alarm.py", f"http://127.0.0.1:{hook.server_port}/"],
            cwd=ROOT, env=api.env, check=True, timeout=120,
        )  # fmt: skip
    assert [one["name"] for one in api("/automations/filter", {})].count("redub: a run failed") == 1
    run = api.trigger("on-demand", sources="nowhere", recipe="no-recipe")
    assert api.wait(run, "COMPLETED", "FAILED", "CRASHED")[0] == "FAILED"
    until(lambda: heard, 20, lambda: api.state(run))
    assert "refused: there is no recipe 'no-recipe'" in json.loads(heard[0])["text"]
    hook.shutdown()


def test_a_triggered_run_publishes_and_leaves_its_artifacts(api: Api, corpus: Path) -> None:
    catalog = corpus.parent / "catalog"
    run = api.trigger("on-demand", sources=str(corpus), catalog=str(catalog), **CLIPS)
    assert api.wait(run, "COMPLETED", "FAILED", "CRASHED")[0] == "COMPLETED"
    assert tags(Catalog(str(catalog))) == ["v1"]
    made = api.artifacts(run)
    key = partial(key_of, str(catalog))
    assert {key("v1", "funnel"), key("progress", "probe"), key("progress", "ingest")} <= set(made)
    assert made[key("progress", "verdict")]["data"] == 100.0
    lineage, manifest = made[key("v1", "lineage")]["data"], made[key("v1", "manifest")]["data"]
    m = load_version(Catalog(str(catalog)), "v1")[0].manifest
    assert "```mermaid" in lineage
    came = {row["stage"]: row["in"] for row in m["funnel"]}
    assert f"probe -->|{came['ingest']}| ingest" in lineage
    assert f"ingest -->|{came['quality']}| quality" in lineage
    assert all(f"| {name} | {said['licence']} |" in manifest for name, said in m["models"].items())
    assert "min_sharpness=" in manifest
    flow_run = api(f"/flow_runs/{run}")["name"]
    assert load_version(Catalog(str(catalog)), "v1")[0].manifest["flow_run"] == flow_run


@pytest.mark.chaos
def test_cancel_stops_ray_and_the_next_run_goes_on(api: Api, corpus: Path, tmp_path: Path) -> None:
    many_from(corpus, tmp_path / "videos", MANY)
    where: dict[str, Any] = {"sources": str(tmp_path / "videos"), "catalog": str(tmp_path / "catalog")}
    where |= CLIPS
    catalog = Catalog(where["catalog"])
    first = api.trigger("on-demand", **where)
    until(lambda: _rows(catalog) > 5, 120, lambda: (api.state(first), _rows(catalog)))

    nightly = api.trigger("nightly", **where)
    state, message = api.wait(nightly, "CANCELLED", "COMPLETED", "FAILED", seconds=90)
    assert state == "CANCELLED"
    assert "is being rebuilt by run" in message
    assert f"Prefect's {api(f'/flow_runs/{first}')['name']}" in message, "who holds it"
    _told_once(api, nightly, message)

    api(f"/flow_runs/{first}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    assert api.wait(first, "CANCELLED", "COMPLETED", "CRASHED", seconds=90)[0] == "CANCELLED"
    until(lambda: not ray_processes(tmp_path), 30, lambda: ray_processes(tmp_path))
    kept = _rows(catalog)
    assert 0 < kept < MANY
    assert any(text.startswith("computed: probe") for text in _logged(api, first)), _logged(api, first)
    ended = until(lambda: t if (t := _tasks(api, first)).get("speakers", "RUNNING") != "RUNNING" else None, 30,
                  lambda: _tasks(api, first))  # fmt: skip
    assert "COMPLETED" not in (ended["ingest"], ended["verdict"], ended["speakers"]), ended

    third = api.trigger("on-demand", **where)
    assert api.wait(third, "COMPLETED", "FAILED", "CRASHED", seconds=240)[0] == "COMPLETED"
    assert tags(catalog) == ["v1"]
    rows = catalog.table(_ingest()).select(None, ["run", "key"])
    assert rows["run"].to_pylist().count(_first_run(catalog)) == kept, (
        "what the first run did was not done again"
    )
    assert len(set(rows["key"].to_pylist())) == rows.num_rows == MANY


def _tasks(api: Api, run: str) -> dict[str, str]:
    found = api("/task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
    return {one["name"]: one["state"]["type"] for one in found}


def test_a_second_run_is_refused_with_who_holds_the_catalog(api: Api, corpus: Path, tmp_path: Path) -> None:
    with catalog_lock(str(tmp_path), "20990101-000000-abcd"):
        run = api.trigger("on-demand", sources=str(corpus), catalog=str(tmp_path))
        state, message = api.wait(run, "CANCELLED", "COMPLETED", "FAILED", "CRASHED")
    assert (state, "is being rebuilt by run 20990101-000000-abcd" in message) == ("CANCELLED", True), message
    _told_once(api, run, message)


def _told_once(api: Api, run: str, message: str) -> None:
    """In the run's log, which is complete once no more is heard of its process."""
    before: list[str] = []

    def complete() -> list[str] | None:
        nonlocal before
        logged, heard = _logged(api, run), before
        before = logged
        time.sleep(5)
        return logged if logged and logged == heard else None

    logged = until(complete, 60, lambda: before)
    assert not [text for text in logged if "Traceback" in text]
    assert (
        sum(message.removeprefix("refused: ") in text for text in logged if "Finished in state" not in text)
        == 1
    ), logged


def _logged(api: Api, run: str) -> list[str]:
    found = api("/logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}})
    return [one["message"] for one in found]


def _ingest() -> Any:
    return next(n for n in nodes_of(stages_of(RECIPES["world"])) if n.name == "ingest")


def _rows(catalog: Catalog) -> int:
    return catalog.table(_ingest()).select(None, ["item_id"]).num_rows


def _first_run(catalog: Catalog) -> str:
    return catalog.runs()[-1]["run"]
