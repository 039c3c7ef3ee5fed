"""Trainings as people meet them: `redub runs`, `redub trace`, and what forgetting, gc and a rebuild have to do with them."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from flows.recipe_files import load_recipe
from flows.recipe_weights import references_of
from flows.run.driver import Rebuild
from flows.run.request import Request
from flows.run.stage_worker import StageWorker
from flows.terminal.forgetting import forget_one
from flows.trained_weights import pinned_reference
from infra.profiles import load_profile
from models.weights.digests import digest
from models.weights.references import ModelError, resolve
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.trainings.names import training_lock
from storage.trainings.reading import users_of
from storage.trainings.records import Attempt
from storage.trainings.writing import drop_checkpoint, start_training, write_skipped
from storage.versions.find_person import find_source
from storage.versions.forget import forget
from storage.versions.garbage import collect, find_garbage
from storage.versions.trained import trace_run, who_saw
from storage.versions.version import load_version, tags
from tasks.stage import Annotate, Stage, StageConfig
from tests.storage.trainings import put_checkpoint, setup, trained
from tests.toy.inline import Ran, run_inline, toy_stages, write_words
from tests.toy.stages import Length, Lines, Long

LAPTOP = load_profile("laptop")


@pytest.fixture
def ran(tmp_path: Path) -> Ran:
    """A version of words, whose lines are in several splits: by their paths, so there are enough for any folder."""
    texts = {f"f{i}": f"line {i} of words\nand another {i}" for i in range(90)}
    return run_inline(write_words(tmp_path / "words", **texts), tmp_path / "catalog", toy_stages())


def members(ran: Ran, split: str) -> list[dict[str, Any]]:
    rows = load_version(ran.catalog, "v1")[1].to_table(filter=f"long_split = '{split}'").to_pylist()
    assert rows, f"the toy dataset has lines in {split}"
    return rows


def file_of(row: dict[str, Any]) -> str:
    return Path(row["lines_speaker"]).name


def trained_on(ran: Ran, run: str, **changed: Any) -> Attempt:
    content = load_version(ran.catalog, "v1")[0].manifest["content"]
    return trained(ran.catalog, run, data="v1", data_digest=content, **changed)


# -- looking ------------------------------------------------------------------------------------------


def test_the_table_says_how_each_training_stands(ran: Ran, run_command: Callable[..., str]) -> None:
    root = ran.catalog.root
    assert "No training in" in run_command("runs", "-c", root)
    trained_on(ran, "gen-a")
    start_training(ran.catalog, setup("sync", kind="syncnet"))
    said = run_command("runs", "-c", root)
    rows = {line.split()[0]: line.split() for line in said.splitlines()}
    assert rows["gen-a"][:7] == ["gen-a", "generator", "on", "v1", "finished", "300", "val_loss"]
    assert rows["sync"][:5] == ["sync", "syncnet", "on", "world:people=8", "killed"]
    assert all(len(line) <= 80 for line in said.splitlines()), said
    found = json.loads(run_command("runs", "-c", root, "--json"))
    assert [(one["run"], one["step"]) for one in found] == [("sync", None), ("gen-a", 300)]
    assert (found[0]["best"], found[1]["best"]["step"]) == (None, 200)


def test_one_training_in_full_and_how_to_go_on_with_it(ran: Ran, run_command: Callable[..., str]) -> None:
    root = ran.catalog.root
    trained_on(ran, "gen-a")
    assert "Go on" not in run_command("runs", "show", "gen-a", "-c", root)
    attempt = start_training(ran.catalog, setup("gen-a", data="v1"), resumes=True)
    write_skipped(ran.catalog, attempt, 301, ["x@0", "y@0", "z@0", "w@0"], "loss is not finite")
    said = run_command("runs", "show", "gen-a", "-c", root)
    for told in (
        "gen-a  generator, killed", "attempt 2, on 1 x laptop", "vae = mini:vae",
        "checkpoint 200: 1,600 samples, val_loss 0.5", "loss 0.333333 at step 300",
        "skipped step 301: loss is not finite (x@0, y@0, z@0 ...)", f"redub train resume gen-a -c {root}",
    ):  # fmt: skip
        assert told in said, told
    found = json.loads(run_command("runs", "show", "gen-a", "-c", root, "--json"))
    assert [(one["step"], one["best"]) for one in found["checkpoints"]] == [
        (100, False), (200, True), (300, False),
    ]  # fmt: skip
    assert found["metrics"]["rate"] == [300, 0.1]
    assert "has no training 'gen-b'; it has gen-a" in run_command(
        "runs", "show", "gen-b", "-c", root, check=False
    )


def test_two_trainings_beside_each_other(ran: Ran, run_command: Callable[..., str]) -> None:
    trained_on(ran, "a")
    trained_on(ran, "b", recipe={"steps": 900, "net": {"layers": 3}, "vae": "mini:vae"}, world=2)
    said = run_command("runs", "diff", "a", "b", "-c", ran.catalog.root)
    assert "setting  net.layers: 2 -> 3\n  setting  steps: 300 -> 900\n  world: 1 -> 2\n" in said
    assert "metric   loss: 0.333333 -> 0.333333" in said
    found = json.loads(run_command("runs", "diff", "a", "b", "-c", ran.catalog.root, "--json"))
    assert found["recipe"] == {"net.layers": [2, 3], "steps": [300, 900]}


# -- lineage ------------------------------------------------------------------------------------------


def test_a_training_is_traced_to_its_data_and_its_parents(ran: Ran, run_command: Callable[..., str]) -> None:
    root = ran.catalog.root
    trained_on(ran, "gen-a", parents=["mini:vae 0a1b", "run:old@7 99ff"], init="run:old@7")
    said = " ".join(run_command("trace", "run:gen-a", "-c", root).split())
    for told in (
        "run:gen-a generator, finished", "licences CC0 180", "consent signed 180", "parent mini:vae, sha256 0a1b",
        "parent run:old@7, sha256 99ff, which it began from", "checkpoint run:gen-a@100", "code abc",
    ):  # fmt: skip
        assert told in said, told
    assert "run:gen-a@100" not in run_command("trace", "run:gen-a@best", "-c", root)
    found = json.loads(run_command("trace", "run:gen-a@200", "-c", root, "--json"))
    assert [one["step"] for one in found["checkpoints"]] == [200]
    assert found["data"]["licences"] == {"CC0": 180}
    assert "no checkpoint for 'step 5'" in run_command("trace", "run:gen-a@5", "-c", root, check=False)
    assert "names no training" in run_command("trace", "run:gen-a@x", "-c", root, check=False)


def test_an_item_is_traced_to_the_trainings_that_saw_it(ran: Ran, run_command: Callable[..., str]) -> None:
    root = ran.catalog.root
    trained_on(ran, "gen-a")
    trained(ran.catalog, "child", init="run:gen-a@200", parents=["run:gen-a@200 12ab"])
    trained(ran.catalog, "grandchild", parents=["run:child@100 12ab"])
    trained(ran.catalog, "stranger")
    seen, unseen = members(ran, "train")[0], members(ran, "test")[0]
    assert [(one.run, one.clips, one.by) for one in who_saw(ran.catalog, [seen["item_id"]])] == [
        ("gen-a", 1, ""), ("child", 0, "gen-a"), ("grandchild", 0, "child"),
    ]  # fmt: skip
    assert who_saw(ran.catalog, [unseen["item_id"]]) == [], "it was held out"
    said = run_command("trace", seen["item_id"], "-c", root)
    assert "training gen-a (generator, finished) saw one of its rows, in v1" in said
    assert "training grandchild (generator, finished) descends from child" in said
    assert "training" not in run_command("trace", unseen["item_id"], "-c", root)
    found = json.loads(run_command("trace", file_of(seen), "-c", root, "--json"))
    assert [(one["run"], one["clips"]) for one in found["trainings"][:1]] == [("gen-a", 2)]
    assert found["trace"]["versions"] == ["v1"]


def test_forgetting_names_the_trainings_that_cannot_unlearn_it(
    ran: Ran, capsys: pytest.CaptureFixture[str]
) -> None:
    trained_on(ran, "gen-a")
    seen, unseen = members(ran, "train")[0], members(ran, "test")[0]
    told = "training gen-a (generator, finished) saw 2 of its rows, in v1; it can't unlearn that"
    forget_one(ran.catalog.root, "", file_of(unseen), yes=False)
    assert "unlearn" not in capsys.readouterr().out
    for yes in (False, True):
        forget_one(ran.catalog.root, "", file_of(seen), yes=yes)
        assert told in capsys.readouterr().out
    assert trace_run(ran.catalog, "gen-a").forgotten_since == 2
    trained_on(ran, "later")
    forget(ran.catalog, find_source(ran.catalog, file_of(unseen)))
    assert trace_run(ran.catalog, "gen-a").forgotten_since == 4


def test_a_version_that_a_training_learnt_from_is_not_given_up(
    ran: Ran, run_command: Callable[..., str]
) -> None:
    root = ran.catalog.root
    trained_on(ran, "gen-a")
    for at_least in (14.0, 14.5):
        run_inline(Path(root).parent / "words", Path(root), toy_stages(at_least=at_least))
    assert tags(ran.catalog) == ["v1", "v2", "v3"]
    said = " ".join(run_command("gc", "--keep", "1", "-c", root, check=False).split())
    assert "v1 can't be given up: gen-a was trained on it; keep more versions (--keep 3)" in said
    garbage = find_garbage(ran.catalog, 3)
    with pytest.raises(StorageError, match="gen-a was trained on it"):  # found before there was that training
        collect(ran.catalog, replace(garbage, versions=("v1",)))
    with training_lock(ran.catalog, "now"):
        start_training(ran.catalog, setup("now", data="v2"))
        with pytest.raises(StorageError, match="v1 can't be given up"):
            find_garbage(ran.catalog, 1)
        assert "3 checkpoints" in run_command("runs", "drop", "gen-a", "-c", root)
        assert "Deleted" in run_command("runs", "drop", "gen-a", "--yes", "-c", root)
        assert find_garbage(ran.catalog, 2).versions == ("v1",)
        with pytest.raises(StorageError, match="v2 can't be given up: now is being trained on it"):
            find_garbage(ran.catalog, 1)
        assert "being run by run now" in " ".join(
            run_command("runs", "drop", "now", "--yes", "-c", root, check=False).split()
        )


# -- references ---------------------------------------------------------------------------------------


class Weighed(Annotate):
    """A line times a number that a training made."""

    name = "weighed"
    reads = (Length, Lines)

    class Config(StageConfig):
        model: str = "run:gen"

    @dataclass(frozen=True)
    class Input:
        id: str
        length: float

    @dataclass(frozen=True)
    class Output:
        id: str
        weight: float

    def weights(self) -> dict[str, str]:
        return {self.config.model: digest(self.config.model)}

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        return [self.Output(row.id, row.length * resolve(self.config.model).stat().st_size) for row in rows]


def weighed(catalog: Catalog, reference: str) -> dict[str, Stage]:
    config = Weighed.Config(model=pinned_reference(catalog, reference))
    return {stage.name: stage for stage in (Lines(), Length(), Weighed(config), Long())}


def test_rows_made_with_a_training_stay_while_it_goes_on(ran: Ran) -> None:
    catalog, words, root = ran.catalog, Path(ran.catalog.root).parent / "words", Path(ran.catalog.root)
    attempt = trained(catalog, "gen")
    stages = weighed(catalog, "run:gen")
    first = run_inline(words, root, stages)
    assert first.computed["weighed"] == 180
    put_checkpoint(catalog, attempt, 400, 0.1)
    assert run_inline(words, root, stages).computed["weighed"] == 0, "it was pinned to step 300"
    assert run_inline(words, root, weighed(catalog, "run:gen@300")).computed["weighed"] == 0
    assert run_inline(words, root, weighed(catalog, "run:gen")).computed["weighed"] == 180
    assert users_of(catalog, "gen") == {300: "rows of weighed", 400: "rows of weighed"}
    assert drop_checkpoint(catalog, attempt, 300) == "rows of weighed"
    assert resolve("run:gen@300").is_file()


def test_a_rebuild_pins_references_and_its_manifest_names_their_licences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDUB_RUNS", raising=False)
    catalog = Catalog(str(tmp_path / "catalog"))
    trained(catalog, "faces")
    recipe = load_recipe("world", ["ingest.identity_model=run:faces@best"])
    assert "run:faces@best" in references_of(recipe)
    run = Rebuild(Request("videos", catalog.root, recipe, "world", LAPTOP))
    assert run.request.recipe.ingest.identity_model == "run:faces@200"  # type: ignore[attr-defined]
    facts = run._facts()
    assert facts["recipe"]["ingest"]["identity_model"] == "run:faces@200"
    assert facts["models"]["run:faces@200"]["licence"] == "CC-BY-4.0"
    assert facts["models"]["run:faces@200"]["trained_on"] == "v1 of a catalog of words"
    (node,) = (node for node in run.nodes if node.name == "ingest")
    assert node.computation.weights["run:faces@200"] == digest("run:faces@200")
    with pytest.raises(ModelError, match="no weights in"):
        Rebuild(Request("videos", str(tmp_path / "other"), recipe, "world", LAPTOP))


def test_a_worker_on_another_node_finds_them(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that travels there is the worker: its environment is another one."""
    trained(ran.catalog, "gen")
    stages = weighed(ran.catalog, "run:gen")
    nodes = run_inline(Path(ran.catalog.root).parent / "words", Path(ran.catalog.root), stages).nodes
    by_name = {node.name: node for node in nodes}
    worker = StageWorker(
        ran.catalog, stages["weighed"], by_name["weighed"], [by_name["length"], by_name["lines"]]
    )
    monkeypatch.delenv("REDUB_RUNS")
    worker()
    assert os.environ["REDUB_RUNS"] == f"{ran.catalog.root}/trainings"
    assert resolve("run:gen@300").is_file()
