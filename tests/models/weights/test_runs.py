"""References to trainings: which checkpoint each means, by the files alone."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from models.weights.about import about
from models.weights.digests import digest, file_digest
from models.weights.licences import licences, not_commercial
from models.weights.references import ModelError, resolve
from models.weights.runs import pin


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training with weights of steps 100, 200 and 1000, of which 200 is the best, and one that is being written."""
    for step in (100, 200, 1000):
        put(tmp_path / "gen" / f"step-{step:08d}", step, licence="CC-BY-4.0", trained_on="v3 of films")
    (tmp_path / "gen" / "best").write_text("200\n")
    (tmp_path / "gen" / "step-00002000").mkdir()
    (tmp_path / "gen" / "step-00003000.part").mkdir()
    monkeypatch.setenv("REDUB_RUNS", str(tmp_path))
    return tmp_path


def put(folder: Path, value: int, **said: str) -> None:
    folder.mkdir(parents=True)
    metadata = {"about": json.dumps(said)} if said else None
    save_file({"w": np.full(4, value, np.float32)}, folder / "weights.safetensors", metadata)


@pytest.mark.parametrize(
    ("reference", "step"),
    [("run:gen", 1000), ("run:gen@100", 100), ("run:gen@best", 200), ("run:gen@00000200", 200)],
)
def test_a_reference_means_one_checkpoint(runs: Path, reference: str, step: int) -> None:
    path = runs / "gen" / f"step-{step:08d}" / "weights.safetensors"
    assert resolve(reference) == path
    assert digest(reference) == file_digest(path)
    assert pin(reference) == f"run:gen@{step}"


def test_a_pinned_one_means_the_same_when_the_training_goes_on(runs: Path) -> None:
    before = pin("run:gen"), digest(pin("run:gen"))
    put(runs / "gen" / "step-00001100", 1100)
    assert (pin("run:gen"), digest(before[0])) == ("run:gen@1100", before[1])


def test_weights_may_be_a_folder(runs: Path) -> None:
    put(runs / "parts" / "step-7" / "weights.safetensors", 7)
    assert resolve("run:parts").is_dir()
    assert len(digest("run:parts@7")) == 64


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("run:", "names no training"),
        ("run:../x", "names no training"),
        ("run:a/b", "names no training"),
        ("run:gen@last", "names no training: give run:NAME, run:NAME@STEP or run:NAME@best"),
        ("run:gen@2000", "has no weights of step 2000; it has those of 100, 200, 1000"),
        ("run:nobody", r"no weights in .*nobody; `redub runs` lists"),
        ("run:plain@best", "marked as the best"),
    ],
)
def test_what_cannot_be_resolved_is_refused_with_the_next_step(runs: Path, reference: str, why: str) -> None:
    put(runs / "plain" / "step-00000001", 1)
    with pytest.raises(ModelError, match=why):
        resolve(reference)


def test_without_a_place_to_look_it_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDUB_RUNS", raising=False)
    with pytest.raises(ModelError, match="set REDUB_RUNS to CATALOG/trainings"):
        resolve("run:gen")


def test_a_manifest_hears_of_licence_and_data_of_what_was_trained_here(runs: Path) -> None:
    put(runs / "silent" / "step-00000001", 1)
    assert about(resolve("run:gen"))["trained_on"] == "v3 of films"
    facts = licences(["run:gen@200", "run:silent@1"])
    assert facts["run:gen@200"] == {
        "licence": "CC-BY-4.0", "commercial": True, "trained_on": "v3 of films",
    }  # fmt: skip
    assert not_commercial(facts) == ["run:silent@1 (unknown, unclear)"]
