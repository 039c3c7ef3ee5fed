"""`redub models` and what `redub doctor` says of missing weights, as a person meets them."""

import re

import pytest

from flows.recipe_files import load_recipe
from flows.recipe_weights import references_of
from flows.run.driver import Rebuild
from flows.run.request import Request
from infra.profiles import load_profile
from models.mini import report
from models.mini.identity import measure as identity_measure
from models.mini.report import Mini, Result

DOWNLOAD = "https://host/face.task#sha256=" + "a" * 64
REMOTE_RECIPE = f"""
base = "world"
[ingest]
face = "yunet"
face_model = "{DOWNLOAD}"
identity_model = "hf://org/faces@main/net.onnx"
"""


@pytest.fixture
def here(tmp_path, run_command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REDUB_MODELS", str(tmp_path / "cache"))
    (tmp_path / "own.toml").write_text(REMOTE_RECIPE)
    return run_command


def test_the_list_shows_licences_and_how_to_get_what_is_missing(here):
    said = here("models", "list")
    rows = {line.split()[0]: line for line in said.splitlines() if line.strip()}
    assert "Apache-2.0" in rows["mini:face"]
    assert rows["mini:face"].rstrip().endswith("yes")
    assert rows["flame"].rstrip().endswith("no")
    assert "own/flame/flame.npz: sign the licence at https://flame" in said
    pulled = next(line for line in said.splitlines() if line.startswith("redub models pull"))
    assert "sam2.1" in pulled.split()
    assert "flame" not in pulled.split()  # nobody but the user may fetch it
    assert all(
        len(line.rstrip()) <= 80 for line in said.splitlines() if line.startswith(("mini", "qwen", "model"))
    )


def test_a_recipe_s_models_are_all_found_and_only_those(here):
    assert references_of(load_recipe("world"))[:2] == ["mini:face", "mini:identity"]
    said = here("models", "list", "--recipe", "own.toml")
    assert "flame" not in said
    assert "hf://org/faces@main/net.onnx" in said.splitlines()[-1]


def test_the_doctor_names_every_missing_file_and_the_command_that_gets_it(here):
    said = here("doctor", "--recipe", "own.toml", check=False)
    lacks = [line for line in said.splitlines() if line.startswith("missing")]
    assert len(lacks) == 2
    assert "https://host/face.task" in lacks[0]
    assert "hf://org/faces@main/net.onnx" in lacks[1]
    assert "redub models pull --recipe own.toml\n" in re.sub(" +\n", "\n", said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pull",), "redub models list"),
        (("pull", "mini:nobody"), "there is no mini model 'nobody'"),
        (("pull", "flame"), "sign the licence at https://flame.is.tue.mpg.de"),
        (("pull", "https://host/x.onnx"), "#sha256="),
        (("pull", "--recipe", "wrold"), "did you mean 'world'"),
        (("report", "nobody"), "there are: face, identity"),
        (("report", "--recipe", "full"), "only the mini models"),
    ],
)
def test_a_mistake_is_answered_with_what_exists(here, arguments, said):
    assert said in " ".join(here("models", *arguments, check=False).split())


def test_a_dataset_s_manifest_names_the_models_that_may_not_be_sold(here, tmp_path):
    flame = tmp_path / "cache" / "own" / "flame" / "flame.npz"
    flame.parent.mkdir(parents=True)
    flame.write_bytes(b"signed for")
    recipe = load_recipe("world", ["ingest.identity_model=own:flame/flame.npz"])
    run = Rebuild(Request("videos", str(tmp_path / "c"), recipe, "world", load_profile("laptop")))
    facts = run._facts()
    assert facts["models"]["mini:face"]["licence"] == "Apache-2.0"
    assert facts["non_commercial"] == ["own:flame/flame.npz (FLAME 2020, non-commercial)"]
    assert facts["occlusion"] == "masks of sam2"


def test_what_is_shipped_needs_no_pull(here):
    assert "sha256" in here("models", "pull", "mini:identity")


def test_the_report_fails_below_a_floor_and_not_above(here, monkeypatch):
    assert "All at or above" in here("models", "report", "identity", "--people", "3")
    monkeypatch.setitem(identity_measure.FLOORS, "auc", 1.1)
    said = here("models", "report", "identity", "--people", "3", check=False)
    assert "below" in next(line for line in said.splitlines() if " auc " in line)
    assert "not measured: mini:identity" in said


def test_a_model_that_cannot_be_measured_fails_and_the_others_go_on(here, monkeypatch):
    monkeypatch.setattr(report, "MINIS", (Mini("mini:x", "models.mini.nothing", 3), report.MINIS[1]))
    said = here("models", "report", "--people", "3", check=False)
    assert "No module named 'models.mini.nothing'; `uv sync`" in said
    assert " auc " in said


@pytest.mark.parametrize(
    ("value", "floor", "good"),
    [
        (0.9, 0.9, True),
        (0.89, 0.9, False),
        (float("nan"), 0.1, False),
        (0.1, (None, 0.1), True),
        (0.11, (None, 0.1), False),
        (float("nan"), (None, 0.1), False),
        (5, (1, 3), False),
        (5, None, True),
    ],
)
def test_a_floor_is_the_least_or_a_range(value, floor, good):
    assert Result("n", value, floor).good is good
