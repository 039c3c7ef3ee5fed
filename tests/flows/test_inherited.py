"""A version's manifest names what came together in the weights that it was made with, however many trainings ago."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.recipe_files import load_recipe
from flows.run.driver import Rebuild
from flows.run.request import Request
from flows.terminal.looking import print_trace
from infra.profiles import load_profile
from tests.storage.trainings import trained
from tests.toy.inline import Ran, run_inline, toy_stages, write_words
from tests.toy.stages import Length


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ran:
    """Training `second` on v1 began from `first`, which began from weights that only their owner may use."""
    monkeypatch.setenv("REDUB_MODELS", str(tmp_path / "cache"))
    own = tmp_path / "cache" / "own" / "flame" / "flame.npz"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"signed for")
    words = write_words(tmp_path / "words", a="one\ntwo and more", b="three and more")
    ran = run_inline(words, tmp_path / "catalog", toy_stages())
    trained(ran.catalog, "first", parents=["own:flame/flame.npz 0a1b"], init="own:flame/flame.npz")
    trained(
        ran.catalog, "second", data="v1", data_digest="d1", parents=["run:first@200 3c4d", "mini:vae 5e6f"]
    )
    return ran


def facts(ran: Ran, *settings: str) -> dict[str, Any]:
    recipe = load_recipe("world", list(settings))
    return Rebuild(Request("words", ran.catalog.root, recipe, "world", load_profile("laptop")))._facts()


def test_the_data_and_the_parents_of_trained_weights_are_named(ran: Ran) -> None:
    said = facts(ran, "ingest.identity_model=run:second")
    assert said["trainings"].keys() == {"run:second@300", "run:first@200"}
    second = said["trainings"]["run:second@300"]
    assert (second["kind"], second["data"], second["data_digest"]) == ("generator", "v1", "d1")
    rows = ran.version.manifest["rows"]
    assert (second["rows"], second["licences"], second["consent"]) == (rows, {"CC0": rows}, {"signed": rows})
    assert second["parents"] == ("run:first@200", "mini:vae")
    assert second["models"]["mini:vae"]["licence"] == "Apache-2.0"
    assert second["models"]["run:first@200"]["licence"] == "CC-BY-4.0"
    first = said["trainings"]["run:first@200"]
    assert (first["data"], first["rows"], first["licences"]) == ("world:people=8", 0, {})
    assert first["init"] == "own:flame/flame.npz"


def test_what_may_not_be_sold_stays_so_in_what_was_trained_from_it(ran: Ran) -> None:
    assert facts(ran)["non_commercial"] == []
    said = facts(ran, "ingest.identity_model=run:second@100")
    assert said["non_commercial"] == ["own:flame/flame.npz (FLAME 2020, non-commercial), in run:first@200"]


def test_weights_that_are_gone_are_said_to_be_unknown(ran: Ran, tmp_path: Path) -> None:
    trained(ran.catalog, "third", parents=[f"{tmp_path}/lost.safetensors 7a8b"])
    said = facts(ran, "ingest.identity_model=run:third")
    assert said["non_commercial"] == [f"{tmp_path}/lost.safetensors (unknown, unclear), in run:third@300"]


class Weighed(Length):
    """A stage by the weights of a training."""

    def weights(self) -> dict[str, str]:
        return {"run:second@300": "9f", "run:gone@1": "8e", "mini:vae": "7d"}


def test_a_trace_leads_through_the_training_to_the_data_that_it_learnt_from(
    ran: Ran, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weighed = toy_stages() | {"length": Weighed(Length.Config(scale=2.0))}
    again = run_inline(tmp_path / "words", tmp_path / "catalog", weighed)
    item = again.chosen["length"].ok["item_id"].to_pylist()[0]
    print_trace(again.catalog.root, item, history=False, as_json=False)
    told = capsys.readouterr().out
    assert "run:second@300, whose weights had a hand in it" in told
    assert "data v1" in told
    assert "licences CC0" in told
    assert "parent run:first@200" in told
    assert "the catalog does not know it any more" in told
    print_trace(again.catalog.root, item, history=False, as_json=True)
    made_with = json.loads(capsys.readouterr().out)["made_with"]
    assert made_with["run:second@300"]["training"]["data"] == "v1"
    assert made_with["run:gone@1"] is None


def test_shipped_weights_say_their_licence_and_what_they_learnt_from(ran: Ran) -> None:
    said = facts(ran)
    assert said["trainings"] == {}
    for name, model in said["models"].items():
        assert model["licence"] == "Apache-2.0", name
        assert "procedural world" in model["trained_on"], name


def test_weights_of_a_training_that_the_catalog_does_not_know_are_unclear(ran: Ran) -> None:
    stray = Path(ran.catalog.root) / "trainings" / "stray" / "step-00000100" / "weights.safetensors"
    stray.parent.mkdir(parents=True)
    first = Path(ran.catalog.root) / "trainings" / "first" / "step-00000100" / "weights.safetensors"
    stray.write_bytes(first.read_bytes())
    said = facts(ran, "ingest.identity_model=run:stray")
    assert said["trainings"]["run:stray@100"]["data"] == "unknown"
    assert said["non_commercial"] == ["run:stray@100 (unknown data, unclear)"]
