"""The steps of a bootstrap as data: what the catalog says is done is skipped, and what can't be is said in a sentence."""

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.bootstrapping.asked import Asked, by_phase, check_asked
from flows.bootstrapping.chain import begun, go_on
from flows.bootstrapping.fit import check_fit, check_same_source
from flows.bootstrapping.report import graph, outlook, rows_of
from flows.bootstrapping.steps import STEPS
from flows.command.main import main
from flows.errors import BootstrapRefused, PromotionRefused, RecipeError
from storage.ledger.catalog import Catalog
from storage.trainings.names import training_lock
from storage.trainings.promotion import promoted, promotions
from storage.trainings.records import FAILED, Setup
from storage.trainings.writing import drop_training, finish_training, start_training
from tests.flows.bootstrapped import ALL, Idle, asked_for, make_clips, make_rest

pytestmark = pytest.mark.usefixtures("one_thread")
DEAR = ("clips", "generator", "pairs", "structure", "lip", "texture")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bootstrap")
    make_clips(folder)
    return folder


@pytest.fixture(scope="module")
def whole(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "all"
    shutil.copytree(clips, folder)
    make_rest(folder)
    return folder


@pytest.fixture
def done(whole: Path, tmp_path: Path) -> Asked:
    """The videos stay where they are, since a catalog knows them by their places."""
    shutil.copytree(whole / "catalog", tmp_path / "catalog")
    return replace(asked_for(whole), catalog=str(tmp_path / "catalog"))


def test_what_is_done_is_skipped_and_the_gates_end_the_chain(done: Asked) -> None:
    chain, hands = begun(done), Idle()
    assert tuple(chain.made) == DEAR
    assert {name: made.what for name, made in chain.made.items()} == {
        "clips": "v1", "generator": "run:b-generator@20", "pairs": "v2", "structure": "run:b-structure@20",
        "lip": "run:b-lip@20", "texture": "run:b-texture@20",
    }  # fmt: skip
    assert [one.standing for one in outlook(chain)][5:] == ["done: run:b-texture@20", "to do", "to do"]
    with pytest.raises(PromotionRefused, match=r"b-structure@20 has psnr_lips 12, .*--anyway REASON"):
        go_on(chain, hands)
    assert hands.taken == ["validate", "promote"]
    assert promoted(Catalog(done.catalog)) is None
    assert rows_of(chain)[-1] == ("promote", "-", "", "")


def test_with_a_reason_it_is_promoted_once(done: Asked) -> None:
    for times in (1, 2):
        chain = begun(replace(done, anyway="to look at it"))
        assert go_on(chain, Idle())
        assert list(chain.made) == [step.name for step in STEPS]
        assert len(promotions(Catalog(done.catalog))) == 1, times
    assert "anyway: to look at it" in rows_of(chain)[-1][3]
    assert "clips --> generator" in graph(chain)


@pytest.mark.parametrize(
    ("phase", "setting", "says"),
    [
        ("rebuild", "companion.seed=1", "rebuild companion.seed=0 and is asked for 1 now"),
        ("rebuild", "ingest.size=80", "rebuild ingest.size=64 and is asked for 80 now"),
        ("generator", "optimizer.rate=0.1", "generator optimizer.rate=0.002 and is asked for 0.1 now"),
        ("structure", "steps=30", "structure steps=20 and is asked for 30 now: give what it began with, or another name"),
        ("texture", "deaf=0.1", "texture deaf=0.5 and is asked for 0.1"),
    ],
)  # fmt: skip
def test_other_settings_than_it_began_with_are_refused_by_name(
    done: Asked, phase: str, setting: str, says: str
) -> None:
    overrides = {"rebuild": ALL, phase: [setting]} if phase != "rebuild" else {"rebuild": [*ALL, setting]}
    with pytest.raises(BootstrapRefused, match=re.escape(f"b began with {says}")):
        begun(replace(done, overrides=overrides))


def test_a_training_that_failed_or_was_dropped_says_how_to_go_on(done: Asked) -> None:
    catalog = Catalog(done.catalog)
    recipe = done.training("generator").model_dump(mode="json")
    attempt = start_training(catalog, Setup("c-generator", "generator", recipe, "v1"))
    finish_training(catalog, attempt, FAILED, "out of memory")
    with pytest.raises(
        BootstrapRefused, match=r"c-generator failed: out of memory; `redub train resume c-gen"
    ):
        begun(replace(done, name="c"))
    with training_lock(catalog, "b-texture"):
        drop_training(catalog, "b-texture")
    with pytest.raises(BootstrapRefused, match="b-texture was dropped"):
        begun(done)


def test_one_that_was_killed_is_gone_on_with(done: Asked) -> None:
    recipe = done.training("generator").model_dump(mode="json")
    start_training(Catalog(done.catalog), Setup("k-generator", "generator", recipe, "v1"))
    chain = begun(replace(done, name="k"))
    assert tuple(chain.made) == ("clips",)
    assert outlook(chain)[1].standing == "goes on after step 0"


def test_footage_that_changed_since_the_generator_learned_is_refused(clips: Path) -> None:
    asked = asked_for(clips)
    check_same_source(asked, "v1")
    film = next((clips / "videos").glob("*.mp4"))
    away = film.rename(clips / "away.mp4")
    try:
        with pytest.raises(BootstrapRefused, match=r"is not what v1 was made of, .* 1 of its 4 clips gone"):
            check_same_source(asked, "v1")
    finally:
        away.rename(film)


def test_a_version_without_clips_held_out_is_refused_before_anything_is_trained(clips: Path) -> None:
    with pytest.raises(BootstrapRefused, match=r"has no clips in split val or test.*so nothing is trained"):
        check_fit(asked_for(clips), "v1")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"budget": "large"}, "there is no budget 'large'; there are: toy, mini, paper"),
        ({"budget": "paper"}, "the recipe names no vae"),
        ({"overrides": {"voice": ["a=1"]}}, "there is no phase 'voice'"),
        ({"overrides": {"lip": ["init=run:x"]}}, "init=run:x of lip is what a bootstrap finds out by itself"),
        ({"overrides": {"rebuild": ["companion=off"]}}, "companion=off of rebuild is what a bootstrap finds out"),
        ({"overrides": {"texture": ["step=1"]}}, "no setting 'step'"),
    ],
)  # fmt: skip
def test_what_a_typo_would_spoil_is_refused_first(tmp_path: Path, more: dict[str, object], says: str) -> None:
    with pytest.raises((BootstrapRefused, RecipeError), match=re.escape(says)):
        check_asked(asked_for(tmp_path, **more))


def test_settings_are_given_by_phase() -> None:
    assert by_phase(["structure.steps=5", "rebuild.ingest.size=64", "structure.crop=8"]) == {
        "structure": ["steps=5", "crop=8"], "rebuild": ["ingest.size=64"],
    }  # fmt: skip
    with pytest.raises(BootstrapRefused, match=r"--set takes PHASE\.field=value"):
        by_phase(["steps=5"])


def test_a_script_gets_one_object_however_it_ends(
    done: Asked, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"redub bootstrap b -r world -s {done.source} -c {done.catalog} --budget toy --json"
    settings = [word for text in ALL for word in ("--set", f"rebuild.{text}")]

    def told(code: int, *more: str) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", [*command.split(), *settings, *more])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert ((ended.value.code or 0), "Bootstrap b of" in err) == (code, more[:1] != ("--set",)), err
        found: dict[str, Any] = json.loads(out)
        return found

    wrong = told(1, "--set", "lip.rnak=8")
    assert (wrong["state"], wrong["steps"], "no setting 'rnak'" in wrong["message"]) == ("failed", [], True)
    poor = told(1)
    assert (poor["state"], poor["promoted"]) == ("failed", None)
    assert "b-structure@20 has psnr_lips 12" in poor["message"]
    assert [one["made"] for one in poor["steps"]][:2] == ["v1", "run:b-generator@20"]
    assert not all(one["passed"] for one in poor["checks"])
    good = told(0, "--gate", "psnr_lips=10")
    assert (good["state"], good["message"]) == ("finished", "")
    assert good["promoted"]["gates"]["psnr_lips"] == 10
    assert good["promoted"]["editor"]["uri"] == "run:b-structure@20"
    assert told(0, "--gate", "psnr_lips=10")["promoted"] == good["promoted"]
