"""What the rows of trainings say: how each stands, what it keeps, and what may not be taken from it."""

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.ledger.lock import CatalogBusy
from storage.trainings.comparison import compare
from storage.trainings.names import check_name, made_name, run_uri, training_holder, training_lock
from storage.trainings.reading import (
    best_of,
    checkpoint_named,
    checkpoints_of,
    last_metrics,
    metrics_of,
    newest_of,
    skipped_of,
    steps_reached,
    training,
    trainings,
    users_of,
)
from storage.trainings.records import FAILED, STOPPED, Attempt
from storage.trainings.writing import (
    drop_checkpoint,
    drop_training,
    finish_training,
    start_training,
    write_metrics,
    write_skipped,
)
from tests.storage.trainings import put_checkpoint, setup, trained

HOLD = """
import sys
from storage.ledger.catalog import Catalog
from storage.trainings.names import training_lock
from storage.trainings.writing import start_training
from tests.storage.trainings import setup
catalog = Catalog(sys.argv[1])
with training_lock(catalog, "gen"):
    start_training(catalog, setup("gen"))
    print("held", flush=True)
    sys.stdin.read()
"""
WRITE = """
import sys
from storage.ledger.catalog import Catalog
from storage.trainings.records import Attempt
from storage.trainings.writing import write_metrics
for step in range(100):
    write_metrics(Catalog(sys.argv[1]), Attempt(sys.argv[2], 1), {step: {"loss": step / 2}})
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(str(tmp_path / "catalog"))


@pytest.mark.parametrize("name", ["a", "gen-1.2_b", "G" * 60, made_name("syncnet")])
def test_names_that_are_taken_as_they_are(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "a b", "../x", ".hidden", "a/b", "a@3", "é", "G" * 61, "a'", "a\n"])
def test_other_names_are_refused_in_one_sentence(name: str, catalog: Catalog) -> None:
    with pytest.raises(StorageError, match="up to 60 letters"):
        start_training(catalog, setup(name))
    assert not Path(catalog.root).exists()


def test_a_training_is_what_its_rows_say(catalog: Catalog) -> None:
    trained(catalog, "gen", world=4, init="run:old@7")
    assert re.fullmatch(r"generator-\d{8}-\d{6}", made_name("generator"))
    one = training(catalog, "gen")
    assert (one.state, one.attempt, one.world, one.init) == ("finished", 1, 4, "run:old@7")
    assert one.recipe["net"] == {"layers": 2}
    assert one.ended is not None
    assert one.ended > one.started
    assert catalog.exists(), "one that holds trainings alone is a catalog, too"


def test_of_checkpoints_the_last_and_the_best_are_known(catalog: Catalog) -> None:
    trained(catalog, "gen")
    assert [(one.step, one.best) for one in checkpoints_of(catalog, "gen")] == [
        (100, False), (200, True), (300, False),
    ]  # fmt: skip
    newest, best = newest_of(catalog, "gen"), best_of(catalog, "gen")
    assert newest is not None
    assert best is not None
    assert (newest.step, best.step, best.samples) == (300, 200, 1600)
    assert best.metrics == {"val_loss": 0.5, "seconds": 2.0}
    assert (Path(catalog.root) / best.uri / "weights.safetensors").is_file()
    for which, step in (("", 300), ("best", 200), ("100", 100), ("000100", 100)):
        assert checkpoint_named(catalog, "gen", which).step == step
    with pytest.raises(
        StorageError, match="no checkpoint for 'step 150'; those that it keeps: 100, 200, 300"
    ):
        checkpoint_named(catalog, "gen", "150")
    assert (Path(run_uri(catalog, "gen")) / "best").read_text() == "200"


def test_of_a_step_that_was_gone_over_again_the_later_value_counts(catalog: Catalog) -> None:
    first = trained(catalog, "gen")
    write_metrics(catalog, first, {300: {"loss": 7.0}})
    assert last_metrics(catalog, "gen")["loss"] == (300, pytest.approx(1 / 3)), (
        "the same step of one attempt stays"
    )
    second = start_training(catalog, setup("gen"), resumes=True)
    assert second == Attempt("gen", 2)
    write_metrics(catalog, second, {200: {"loss": 7.0}, 400: {"loss": float("nan")}})
    assert metrics_of(catalog, "gen")["loss"][:3] == [(100, 1.0), (200, 7.0), (300, pytest.approx(1 / 3))]
    assert last_metrics(catalog, "gen")["rate"] == (300, 0.1)
    assert steps_reached(catalog) == {"gen": 400}


def test_many_writers_of_small_commits_lose_nothing_and_leave_few_fragments(catalog: Catalog) -> None:
    start_training(catalog, setup("all"))
    command = [sys.executable, "-c", WRITE, catalog.root]
    env = {**os.environ, "PYTHONPATH": os.getcwd()}
    writers = [subprocess.Popen([*command, name], env=env) for name in ("a", "b", "c")]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    for name in "abc":
        assert metrics_of(catalog, name)["loss"] == [(step, step / 2) for step in range(100)]
    assert len(catalog.read("metrics")) == 300
    assert len(open_table(catalog, "metrics").get_fragments()) < 130


def test_batches_that_were_left_out_are_kept_with_the_reason(catalog: Catalog) -> None:
    attempt = start_training(catalog, setup("gen"))
    for _ in range(2):
        write_skipped(catalog, attempt, 5, ["clip@0", "clip@8"], "gradients are not finite")
    (one,) = skipped_of(catalog, "gen")
    assert (one["step"], one["ids"], one["reason"]) == (5, ["clip@0", "clip@8"], "gradients are not finite")


def test_a_name_is_one_training_s(catalog: Catalog) -> None:
    trained(catalog, "gen")
    with pytest.raises(
        StorageError, match="there is a training gen already: resume it, or give another name"
    ):
        start_training(catalog, setup("gen"))
    with pytest.raises(StorageError, match="no training new to be resumed"):
        start_training(catalog, setup("new"), resumes=True)
    with pytest.raises(StorageError, match=r"has no training 'gne'; it has gen"):
        training(catalog, "gne")


@pytest.mark.parametrize(("event", "state"), [(STOPPED, "stopped"), (FAILED, "failed")])
def test_how_it_ended_is_said_and_a_resumed_one_runs_again(catalog: Catalog, event: str, state: str) -> None:
    attempt = start_training(catalog, setup("gen"))
    finish_training(catalog, attempt, event, "because")
    one = training(catalog, "gen")
    assert (one.state, one.message) == (state, "because")
    with training_lock(catalog, "gen"):
        start_training(catalog, setup("gen", world=32), resumes=True)
        again = training(catalog, "gen")
    assert (again.state, again.attempt, again.world, again.ended) == ("running", 2, 32, None)
    assert again.started == one.started


def test_it_runs_as_long_as_its_lock_is_held_and_a_kill_is_seen(catalog: Catalog) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, catalog.root],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    assert training(catalog, "gen").state == "running"
    told = rf"training gen is being run by run gen \(process {other.pid} on"
    with pytest.raises(CatalogBusy, match=told) as refused, training_lock(catalog, "gen"):
        pass
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)
    assert re.match(told, str(training_holder(catalog, "gen")))
    with training_lock(catalog, "other"):
        assert catalog.holder() is None, "a training keeps nobody from rebuilding"
    other.kill()
    other.wait()
    assert training(catalog, "gen").state == "killed"


def test_a_dropped_checkpoint_is_gone_and_the_best_is_another(catalog: Catalog) -> None:
    attempt = trained(catalog, "gen")
    folder = Path(run_uri(catalog, "gen"))
    assert drop_checkpoint(catalog, attempt, 200, "only the newest are kept") == ""
    assert not (folder / "step-00000200").exists()
    assert [(one.step, one.best) for one in checkpoints_of(catalog, "gen")] == [(100, True), (300, False)]
    assert (folder / "best").read_text() == "100"
    drop_checkpoint(catalog, attempt, 100)
    assert best_of(catalog, "gen") is None
    assert not (folder / "best").exists()
    assert steps_reached(catalog) == {"gen": 300}
    put_checkpoint(catalog, start_training(catalog, setup("gen"), resumes=True), 200, 0.1, best=True)
    assert [one.step for one in checkpoints_of(catalog, "gen")] == [200, 300]


def test_a_checkpoint_that_another_training_began_from_stays(catalog: Catalog) -> None:
    attempt = trained(catalog, "gen")
    trained(catalog, "next", init="run:gen@200", parents=["run:gen@200 12ab", "a path/x.safetensors 34cd"])
    assert users_of(catalog, "gen") == {200: "training next"}
    assert drop_checkpoint(catalog, attempt, 200) == "training next"
    assert drop_checkpoint(catalog, attempt, 100) == ""
    assert [one.step for one in checkpoints_of(catalog, "gen")] == [200, 300]
    with pytest.raises(StorageError, match="training next began from or loads run:gen@200: drop that first"):
        drop_training(catalog, "gen")
    drop_training(catalog, "next")
    drop_training(catalog, "gen")
    assert [(one.run, one.state) for one in trainings(catalog)] == [("next", "dropped"), ("gen", "dropped")]
    assert [path.name for path in Path(run_uri(catalog, "gen")).iterdir()] == [".lock"]
    with pytest.raises(StorageError, match="training gen was dropped"):
        start_training(catalog, setup("gen"), resumes=True)


def test_two_trainings_beside_each_other(catalog: Catalog) -> None:
    trained(catalog, "a")
    longer = {"steps": 400, "net": {"layers": 2}, "vae": "mini:vae"}
    trained(catalog, "b", steps=2, recipe=longer, parents=["mini:vae 0a1b", "mini:whisper 99"])
    found = compare(catalog, "a", "b")
    assert found.recipe == {"steps": (300, 400)}
    assert found.facts == {}
    assert found.parents == {"mini:whisper": ("", "99")}
    assert found.metrics["loss"] == (pytest.approx(1 / 3), 0.5)
    assert json.loads(json.dumps(found.before.recipe)) == setup("a").recipe
