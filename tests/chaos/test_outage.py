"""A real Prefect server is stopped in the middle of a rebuild or a training, stays away longer than its clients try, and
comes back: nothing is lost or done twice, and the UI shows what happened meanwhile."""

import csv
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.demo.corpus import SEED, SHORT, make_corpus
from flows.recipe_files import load_recipe
from flows.recipes import RECIPES
from flows.reports import key_of
from flows.run.graph import nodes_of, stages_of
from flows.server import POOL, deploy, prefect_process, wait_healthy
from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.trainings.reading import metrics_of, training
from storage.versions.version import tags
from tests.flows.prefect_api import Api, many_from, until
from tests.toy.inline import run_inline

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]
AWAY_S = 95
"""Prefect's clients give up after a minute."""
MANY = 60
TAKES = {"width": 128, "height": 96, "min_seconds": 2.2, "max_seconds": 4.0, "occluded": 0.0, "close": 1.0}
STEPS = 60


class Servers:
    """One address, at which there is a server now and then."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}/api"
        self.env = {
            **os.environ, "PREFECT_HOME": str(home), "PREFECT_API_URL": self.base, "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_WORKER_QUERY_SECONDS": "1",
        }  # fmt: skip
        self.start()

    def start(self) -> None:
        self._held = prefect_process(["server", "start", "--port", str(self.port)], self.env)
        self._server = self._held.__enter__()
        wait_healthy(f"{self.base}/health", self._server)

    def stop(self) -> None:
        self._held.__exit__(None, None, None)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    servers = Servers(tmp_path / "prefect")
    deploy(servers.env)
    with prefect_process(["worker", "start", "--pool", POOL, "--type", "process"], servers.env):
        yield servers
    servers.stop()


def test_a_rebuild_outlives_an_outage_and_the_server_learns_what_it_missed(
    servers: Servers, tmp_path: Path
) -> None:
    make_corpus(tmp_path / "few", people=2, takes=2, broken=3, **SHORT)
    many_from(tmp_path / "few", tmp_path / "videos", MANY)
    api, catalog = Api(servers.base, servers.env), Catalog(str(tmp_path / "catalog"))
    run = api.trigger(
        "on-demand", sources=str(tmp_path / "videos"), catalog=catalog.root, recipe="world", overrides=["companion=off"]
    )  # fmt: skip
    until(lambda: _rows(catalog) > 3, 120, lambda: (api.state(run), _rows(catalog)))
    servers.stop()
    time.sleep(AWAY_S)
    servers.start()
    assert api.wait(run, "COMPLETED", "FAILED", "CRASHED", "CANCELLED", seconds=120)[0] == "COMPLETED", (
        api.state(run)
    )
    assert tags(catalog) == ["v1"]
    assert _rows(catalog) == MANY
    made = api.artifacts(run)
    assert made[key_of(catalog.root, "progress", "verdict")]["data"] == 100.0
    assert {key_of(catalog.root, "v1", one) for one in ("funnel", "lineage", "manifest")} <= set(made)
    until(lambda: set(_tasks(api, run).values()) == {"COMPLETED"}, 30, lambda: _tasks(api, run))
    again = api.trigger(
        "on-demand", sources=str(tmp_path / "videos"), catalog=catalog.root, recipe="world", overrides=["companion=off"]
    )  # fmt: skip
    assert api.wait(again, "COMPLETED", "FAILED", "CRASHED", seconds=120)[0] == "COMPLETED", (
        "the worker outlived it, too"
    )


def test_a_run_that_waits_for_people_outlives_an_outage_and_takes_what_they_say(
    servers: Servers, tmp_path: Path
) -> None:
    make_corpus(tmp_path / "videos", people=2, takes=2, seed=SEED, broken=0, **TAKES)
    api, catalog = Api(servers.base, servers.env), Catalog(str(tmp_path / "catalog"))
    run = api.trigger(
        "on-demand", sources=str(tmp_path / "videos"), catalog=catalog.root, recipe="world", review="wait",
        overrides=["companion=off", "screen.policy=worst", "screen.worst_count=1"],
    )  # fmt: skip
    assert api.wait(run, "PAUSED", "COMPLETED", "FAILED", "CRASHED", seconds=120)[0] == "PAUSED", api.state(
        run
    )
    servers.stop()
    time.sleep(AWAY_S)
    servers.start()
    time.sleep(5)
    assert api.state(run)[0] == "PAUSED", api.state(run)
    (clip,) = csv.DictReader((Path(catalog.root) / "review" / "review.csv").open())
    said = {"who": "Ana", "verdicts": f"item,verdict,note\n{clip['item']},accept,fine"}
    api(f"/flow_runs/{run}/resume", {"run_input": said})
    assert api.wait(run, "COMPLETED", "FAILED", "CRASHED", seconds=120)[0] == "COMPLETED", api.state(run)
    assert tags(catalog) == ["v1"]
    reviews = open_table(catalog, "reviews")
    assert reviews is not None
    assert reviews.to_table(columns=["who", "verdict"]).to_pylist() == [{"who": "Ana", "verdict": "accept"}]


def test_a_training_outlives_an_outage(servers: Servers, tmp_path: Path) -> None:
    make_corpus(tmp_path / "videos", people=4, takes=1, seed=SEED, broken=0, **TAKES)
    stages = stages_of(load_recipe("world", ["latents=on", "companion=off"]))
    run_inline(tmp_path / "videos", tmp_path / "catalog", stages, batch=4)
    api, here = Api(servers.base, servers.env), Catalog(str(tmp_path / "catalog"))
    asked = {"catalog": here.root, "run": "t", "overrides": ["crop=8", "batch=2", f"steps={STEPS}"]}
    run = api.trigger("on-demand", flow="train-generator", **asked)
    until(lambda: len(metrics_of(here, "t").get("loss", ())) >= 3, 200, lambda: api.state(run))
    servers.stop()
    time.sleep(AWAY_S)
    servers.start()
    assert api.wait(run, "COMPLETED", "FAILED", "CRASHED", seconds=200)[0] == "COMPLETED", api.state(run)
    assert training(here, "t").state == "finished"
    assert [step for step, _ in metrics_of(here, "t")["loss"]] == list(range(1, STEPS + 1))
    made = api.artifacts(run)
    assert made[key_of(here.root, "t")]["data"] == 100.0
    assert "run:t" in made[key_of(here.root, "t", "page")]["data"]


def _tasks(api: Api, run: str) -> dict[str, str]:
    found: list[Any] = api("/task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
    return {one["name"]: one["state"]["type"] for one in found}


def _rows(catalog: Catalog) -> int:
    ingest = next(n for n in nodes_of(stages_of(RECIPES["world"])) if n.name == "ingest")
    return catalog.table(ingest).select(None, ["item_id"]).num_rows
