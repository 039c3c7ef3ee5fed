"""A bootstrap through a real Prefect server: its form, its steps, its page; stopped in the middle, and gone on with."""

from pathlib import Path
from typing import Any

import pytest

from flows.bootstrapping.steps import STEPS
from flows.demo.corpus import SEED, make_corpus
from flows.reports import key_of
from storage.ledger.catalog import Catalog
from storage.trainings.promotion import promoted
from storage.trainings.reading import checkpoints_of, metrics_of, training, trainings
from storage.versions.version import load_version, tags
from tests.flows.bootstrapped import ALL, FILMED, make_clips, make_rest, quick
from tests.flows.prefect_api import Api, ray_processes, until

pytestmark = pytest.mark.timeout(2400)
LONG = 40
"""Of the structure training, which is stopped."""


@pytest.mark.chaos
@pytest.mark.usefixtures("one_thread")
def test_what_is_left_to_do_is_done_and_shown_and_gates_hold(api: Api, tmp_path: Path) -> None:
    make_clips(tmp_path)
    make_rest(tmp_path)
    where = {"name": "b", "source": f"{tmp_path}/videos", "catalog": f"{tmp_path}/catalog", "budget": "toy"}
    where |= {"overrides": {"rebuild": ALL}, "recipe": "world"}
    refused = api.trigger("on-demand", flow="bootstrap", **where)
    state, message = api.wait(refused, "COMPLETED", "FAILED", "CRASHED", seconds=120)
    assert (state, "b-structure@20 has psnr_lips 12" in message) == ("FAILED", True), message
    changed = api.trigger("on-demand", flow="bootstrap", **where | {"budget": "mini"})
    assert "b began with generator steps=20 and is asked for 1000" in _failed(api, changed)
    run = api.trigger("on-demand", flow="bootstrap", **where, anyway="to look at it")
    assert api.wait(run, "COMPLETED", "FAILED", "CRASHED", seconds=120)[0] == "COMPLETED", api.state(run)
    assert _tasks(api, run) == {"validate": "COMPLETED", "promote": "COMPLETED"}
    assert _tasks(api, refused)["promote"] == "FAILED"
    page = api.artifacts(run)[key_of(where["catalog"], "bootstrap", "b")]["data"]
    assert "```mermaid" in page
    assert "| pairs | v2 |" in page
    found = promoted(Catalog(where["catalog"]))
    assert found is not None
    assert (found.editor.uri, found.reason) == ("run:b-structure@20", "to look at it")


@pytest.mark.chaos
def test_footage_becomes_an_editor_also_when_it_is_cancelled_on_the_way(api: Api, tmp_path: Path) -> None:
    """Every step is a real one: two rebuilds on Ray, four trainings of a few steps."""
    make_corpus(tmp_path / "videos", people=4, takes=2, seed=SEED, broken=0, **FILMED)
    where = asked(tmp_path)
    catalog, home = Catalog(where["catalog"]), Path(api.env["PREFECT_HOME"])
    first = api.trigger("on-demand", flow="bootstrap", **where)
    until(lambda: _reached(catalog, "b-structure") >= 4, 900, lambda: (api.state(first), _tasks(api, first)))
    api(f"/flow_runs/{first}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    assert api.wait(first, "CANCELLED", "COMPLETED", "CRASHED", seconds=90)[0] == "CANCELLED"
    until(lambda: not ray_processes(home), 30, lambda: ray_processes(home))
    assert "texture" not in _tasks(api, first)
    assert "lip" not in _tasks(api, first)
    assert training(catalog, "b-structure").state == "stopped"
    stopped = checkpoints_of(catalog, "b-structure")[-1].step
    assert 4 <= stopped < LONG

    second = api.trigger("on-demand", flow="bootstrap", **where)
    assert api.wait(second, "COMPLETED", "FAILED", "CRASHED", seconds=900)[0] == "COMPLETED", api.state(
        second
    )
    assert set(_tasks(api, second)) == {"structure", "lip", "texture", "validate", "promote"}
    steps = [step for step, _ in metrics_of(catalog, "b-structure")["loss"]]
    assert steps == list(range(1, LONG + 1)), "no step was lost or taken twice"
    assert tags(catalog) == ["v1", "v2"]
    pairs: Any = load_version(catalog, "v2")[0].manifest
    assert pairs["recipe"]["companion"]["generator"] == "run:b-generator@2"
    assert {one.run: (one.state, one.data) for one in trainings(catalog)} == {
        "b-generator": ("finished", "v1"), "b-structure": ("finished", "v2"), "b-lip": ("finished", "v2"),
        "b-texture": ("finished", "v2"),
    }  # fmt: skip
    found = promoted(catalog)
    assert found is not None
    assert [one.uri for one in found.all] == [f"run:b-structure@{LONG}", "run:b-lip@2", "run:b-texture@2"]


def asked(folder: Path) -> dict[str, Any]:
    return {
        "name": "b", "source": f"{folder}/videos", "catalog": f"{folder}/catalog", "budget": "toy",
        "overrides": quick({"structure": LONG}), "anyway": "to see it run",
    }  # fmt: skip


def _failed(api: Api, run: str) -> str:
    state, message = api.wait(run, "COMPLETED", "FAILED", "CRASHED", seconds=120)
    assert state == "FAILED"
    return message


def _tasks(api: Api, run: str) -> dict[str, str]:
    """Of the steps; Prefect has a task run for each flow run below it, too."""
    found = api("/task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
    steps = {step.name for step in STEPS}
    return {one["name"]: one["state"]["type"] for one in found if one["name"] in steps}


def _reached(catalog: Catalog, run: str) -> int:
    return max((step for step, _ in metrics_of(catalog, run).get("loss", ())), default=0)
