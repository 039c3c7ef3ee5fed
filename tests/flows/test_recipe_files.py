"""A recipe file or a setting that can't be meant is refused in one sentence, before anything is computed."""

from pathlib import Path

import pytest

from flows.errors import RecipeError
from flows.recipe_files import load_recipe, load_world
from flows.training.recipes import load_training
from tests.flows.test_cli import redub

HOSTILE = {
    "itself": ('base = "itself.toml"', "can't start from itself.toml, which starts from it"),
    "by-another-name": ('base = "./by-another-name.toml"', "which starts from it"),
    "ring": ('base = "itself.toml"', "ring.toml -> itself.toml -> itself.toml"),
    "five": ("base = 5", "base is 5, and has to be the name of a recipe"),
    "listed": ('base = ["world"]', "and has to be the name of a recipe"),
    "unknown": ("[quailty]\nface_side = 32", "quailty: there is no such setting"),
    "number": ("quality = 5", "quality: "),
    "no-toml": ("base: world", "can't be read as a recipe"),
}


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, (text, _) in HOSTILE.items():
        Path(f"{name}.toml").write_text(text)
    Path("wide.toml").write_text('base = "world"\n', encoding="utf-16")
    Path("folder.toml").mkdir()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_leads_nowhere_is_refused(name: str) -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe(f"{name}.toml")
    assert HOSTILE[name][1] in str(refused.value)


@pytest.mark.parametrize("name", ["itself", "ring", "five", "listed", "no-toml"])
def test_a_training_of_such_a_file_is_refused_too(name: str) -> None:
    with pytest.raises(RecipeError) as refused:
        load_training("generator", f"{name}.toml")
    assert HOSTILE[name][1] in str(refused.value)


def test_a_file_of_another_encoding_and_a_folder_are_named() -> None:
    for load in (load_recipe, lambda name: load_training("syncnet", name)):
        with pytest.raises(RecipeError, match=r"wide.toml can't be read as a recipe: it is not UTF-8"):
            load("wide.toml")
        with pytest.raises(RecipeError, match=r"folder.toml can't be read as a recipe"):
            load("folder.toml")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("ingest.size=-512", "ingest.size is -512, and goes from 32 to 4,096"),
        ("ingest.size=65", "ingest.size: Input should be a multiple of 2"),
        ("ingest.fps=0", "ingest.fps is 0, and goes from 1 to 240"),
        ("verdict.min_sharpness=.nan", "verdict.min_sharpness is nan, and goes from 0 to 1,000,000"),
        ("verdict.min_exposure=0.95", "verdict: min_exposure is 0.95, above max_exposure, which is 0.92"),
        ("ingest.min_seconds=30", "ingest: min_seconds is 30, above max_seconds, which is 10"),
        ("probe.max_duration_s=0.1", "probe: min_duration_s is 0.4, above max_duration_s, which is 0.1"),
        ("ingest.preset=quick", "ingest.preset: Input should be 'ultrafast'"),
        ("ingest.size=[1", "--set ingest.size: '[1' is no value"),
        ("quailty.face_side=3", "there is no stage 'quailty' (did you mean 'quality'?)"),
    ],
)
def test_a_setting_is_refused_with_its_name_its_value_and_what_would_do(setting: str, said: str) -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe("world", [setting])
    assert said in str(refused.value)


def test_small_numbers_may_be_written_with_an_exponent() -> None:
    assert load_recipe("world", ["verdict.min_mouth_motion=1e-4"]).verdict.min_mouth_motion == 1e-4


def test_takes_that_would_end_before_they_begin_are_refused() -> None:
    with pytest.raises(RecipeError, match="render: min_seconds is 9, above max_seconds, which is 4"):
        load_world(["render.min_seconds=9"])


def test_the_command_says_it_in_one_sentence(tmp_path: Path) -> None:
    said = redub("plan", "--source", ".", "--recipe", "itself.toml", cwd=tmp_path, check=False)
    assert said.startswith("redub: itself.toml can't start from itself.toml")
