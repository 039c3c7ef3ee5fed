"""The editor's phases by command: what they are given, what is refused in a sentence, and two steps of the first."""

import json
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import save_file

from flows.command.main import main
from flows.errors import RecipeError
from flows.foreground.training import check_in_foreground
from flows.training.checked import to_be_rendered
from flows.training.data import find_data
from flows.training.driver import Training
from flows.training.recipes import TRAININGS, load_training
from flows.training.request import TrainRequest
from infra.profiles import load_profile
from models.dit.checkpoint import inspect
from models.dit.net import VideoDit
from models.dit.presets import MINI
from models.mini.editor.corpus import WorldPairs, filmed
from models.mini.shards import shard_file
from models.weights.digests import digest
from storage.ledger.catalog import Catalog
from storage.trainings.reading import checkpoints_of, metrics_of, training
from tasks.training.checking.finding import Finding
from tasks.training.checking.weights import begins_from
from tasks.training.editor.pair_windows import ClipPairs
from tests.storage.trainings import trained
from tests.tasks.training.editor.paired import Paired

pytestmark = pytest.mark.usefixtures("one_thread")
PHASES = ("structure", "lip", "texture")
SHORT = ("steps=2", "batch=2", "optimizer.warmup=1", "validate_on=1")
Command = Callable[..., str]


@pytest.fixture
def redub(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process; returns what it printed."""

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["redub", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert not ended.value.code, said
        return said.out

    return run


def given(settings: Sequence[str]) -> list[str]:
    return [word for one in settings for word in ("--set", one)]


def levels(found: Sequence[Finding]) -> set[str]:
    return {one.level for one in found}


# -- recipes -------------------------------------------------------------------------------------------


def test_each_phase_has_a_small_recipe_and_the_papers() -> None:
    for kind in PHASES:
        assert set(TRAININGS[kind]) == {"mini", "paper"}
        paper = load_training(kind, "paper", ["init=mini:generator"])
        assert (paper.preset, paper.frames, paper.companion_dropped) == ("1b", 77, 0.1)  # type: ignore[attr-defined]
        assert (paper.face_weight, paper.lips_weight) == (0.3, 0.3)  # type: ignore[attr-defined]
    numbers = {
        kind: (one.alpha, one.optimizer.rate, one.batch, one.steps)  # type: ignore[attr-defined]
        for kind in PHASES
        for one in [load_training(kind, "paper", ["init=mini:generator"])]
    }
    assert numbers == {
        "structure": (4.0, 1e-5, 256, 4000), "lip": (1.5, 5e-6, 64, 1000), "texture": (0.25, 5e-6, 64, 1000),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("lip", (), "recipe 'mini' of a lip expert has settings that don't fit:\n  an expert learns over an editor: give"),
        ("texture", ("init=run:a", "crop=8"), "\n  crop is 8, and pictures are decoded whole; leave crop at 0"),
        ("lip", ("init=run:a", "part=7"), "\n  part is 7: after 2 motion latents 25 frames have fewer left"),
        ("structure", ("frames=24",), "\n  frames is 24, and a window has 4k + 1 (25, 77)"),
        ("structure", ("companion=under",), "\n  companion: Input should be 'beside' or 'over' (got 'under')"),
        ("structure", ("rank=8",), "this recipe has no setting 'rank'"),
        ("lip", ("init=run:a", "sync_weigth=1"), "did you mean 'sync_weight'?"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_are_refused_in_a_sentence(
    kind: str, settings: tuple[str, ...], said: str
) -> None:
    with pytest.raises(RecipeError) as refused:
        load_training(kind, "mini", settings)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 500


# -- data ----------------------------------------------------------------------------------------------


def test_each_phase_is_given_what_its_losses_need_and_no_more(paired: Paired) -> None:
    extra = {"structure": set(), "lip": {"five_BF52", "mfcc_BCT"}, "texture": {"five_BF52"}}
    for kind, needed in extra.items():
        data = find_data(
            Catalog(paired.root), "", load_training(kind, "mini", ["init=mini:generator"])
        )  # the newest version
        assert data.name == paired.relit_kept.version.tag
        assert isinstance(data.windows, ClipPairs)
        assert data.windows.__getitems__([0]).keys() & {"five_BF52", "mfcc_BCT"} == needed


def test_people_of_the_world_have_four_pairs_each_and_no_other_windows(tmp_path: Path) -> None:
    catalog, structure = Catalog(str(tmp_path)), load_training("structure", "mini")
    data = find_data(catalog, "world:people=30", structure)
    assert isinstance(data.windows, WorldPairs)
    assert len(data.windows) == 120
    assert data.prepare is not None
    with pytest.raises(RecipeError, match="set frames=25, or give a version"):
        find_data(catalog, "world:people=30", structure.model_copy(update={"frames": 17}))
    with pytest.raises(RecipeError, match=r"below the nose alone.*give world:people=30"):
        find_data(catalog, "world:people=30,whole", structure)


def test_every_network_that_is_named_is_pinned_and_a_parent(paired: Paired) -> None:
    catalog = Catalog(paired.root)
    for name in ("editor", "teacher"):
        trained(catalog, name, steps=1)
    what = load_training("lip", "mini", ["init=run:editor", "sync=run:teacher"])
    running = Training(TrainRequest("lip", paired.root, what, "mini", load_profile("laptop")))
    assert (running.recipe.init, running.recipe.sync) == ("run:editor@100", "run:teacher@100")  # type: ignore[attr-defined]
    assert f"run:teacher@100 {digest('run:teacher@100')}" in running.parents
    like = load_training("texture", "mini", ["init=run:editor"])
    running = Training(TrainRequest("texture", paired.root, like, "mini", load_profile("laptop")))
    assert {one.split()[0] for one in running.parents} == {
        "run:editor@100", "mini:vae", "mini:whisper", "mini:identity", "mini:clip",
    }  # fmt: skip


# -- checks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [(), ("companion=over",)])
def test_a_version_of_pairs_is_let_through_with_either_net(
    paired: Paired, capsys: pytest.CaptureFixture[str], settings: tuple[str, ...]
) -> None:
    assert check_in_foreground("structure", paired.root, "", "mini", settings, "laptop", True)
    found = [Finding(**one) for one in json.loads(capsys.readouterr().out)]
    assert levels(found) == {"ok"}, found
    said = "\n".join(one.what for one in found)
    for what in (
        "companions are other pictures", "neither empty nor everything", "inside the picture", "stored features are",
        "a click at a frame is heard", "a step with two windows: loss", "is read as it was written",
    ):  # fmt: skip
        assert what in said


def test_latents_that_were_kept_are_compared_also_for_pairs(
    paired: Paired, capsys: pytest.CaptureFixture[str]
) -> None:
    check_in_foreground("structure", paired.root, paired.plain.version.tag, "mini", (), "laptop", True)
    said = "\n".join(one["what"] for one in json.loads(capsys.readouterr().out))
    assert "stored latents are those of their clips" in said
    assert "latents deviate by" in said
    assert "runs the VAE" in said, "of companions none were kept"
    assert "`redub rebuild --set latents=on --set pairlatents=on` makes latents for it" in said


def test_a_version_of_clips_is_refused_for_an_editor(
    paired: Paired, capsys: pytest.CaptureFixture[str]
) -> None:
    on = paired.clips.version.tag
    assert not check_in_foreground("structure", paired.root, on, "mini", (), "laptop", True)
    (found,) = json.loads(capsys.readouterr().out)
    assert "was made without companion" in found["what"]


def test_an_expert_over_a_net_that_is_no_editor_is_refused(
    paired: Paired, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not check_in_foreground(
        "texture", paired.root, "", "mini", ("init=mini:generator",), "laptop", True
    )
    found = [Finding(**one) for one in json.loads(capsys.readouterr().out)]
    (refused,) = [one.what for one in found if one.level == "refuse"]
    assert (
        "init mini:generator lacks 1 of its tensors: patch_embedding.weight [128, 48, 1, 2, 2] for" in refused
    )
    (room,) = [one.what for one in found if "checkpoints of" in one.what]
    assert room.startswith("4 checkpoints of 4 MB"), "the expert's alone, not the editor's"


def test_an_expert_over_a_part_of_an_editor_is_refused(tmp_path: Path) -> None:
    half = VideoDit(replace(MINI, layers=2))
    save_file(half.state_dict(), tmp_path / "half.safetensors", {"licence": "Apache-2.0"})
    where = str(tmp_path / "half.safetensors")
    (found,) = begins_from(where, MINI, frozen=True)
    assert found.level == "refuse"
    assert "of its tensors: blocks.2." in found.what
    assert [one.level for one in begins_from(where, MINI)] == ["warn"], "a structure editor may begin from it"


@pytest.mark.parametrize("kind", ["lip", "texture"])
def test_experts_over_an_editor_are_let_through(
    paired: Paired, editor: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    settings = (f"init={editor}", "least_in_sync=0") if kind == "lip" else (f"init={editor}",)
    fine = check_in_foreground(kind, paired.root, "", "mini", settings, "laptop", True)
    found = [Finding(**one) for one in json.loads(capsys.readouterr().out)]
    assert fine, found
    assert any("a step with two windows: loss" in one.what for one in found)


# -- two steps -----------------------------------------------------------------------------------------


@pytest.fixture
def _without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torchrun starts the command."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    for name, value in started.items():
        monkeypatch.setenv(name, str(value))


@pytest.mark.usefixtures("_without_ray")
def test_two_steps_on_a_version_end_with_an_editor_and_its_history(paired: Paired, redub: Command) -> None:
    said = redub("train", "structure", "-c", paired.root, "--name", "ed", *given(SHORT))
    newest = paired.relit_kept.version.tag
    assert f"Training ed: a structure editor on {newest}, 21 windows; 2 steps of 2" in said
    assert "finished after step 2" in said
    catalog = Catalog(paired.root)
    assert [one.step for one in checkpoints_of(catalog, "ed")] == [2]
    assert len(metrics_of(catalog, "ed")["loss"]) == 2
    row = training(catalog, "ed")
    assert (row.kind, row.data) == ("structure", newest)
    found = inspect("run:ed")
    assert found.fit.name == "mini"
    assert found.fit.shared


@pytest.mark.usefixtures("_without_ray")
def test_two_steps_on_people_of_the_world(
    tmp_path: Path, redub: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = load_training("structure", "mini")
    windows = find_data(Catalog("c"), "world:people=2", recipe).windows
    assert isinstance(windows, WorldPairs)
    windows.folder.mkdir(parents=True)
    first = windows.plan.first
    save_file(filmed(windows.plan, range(first, first + 2)), shard_file(windows.folder, first, 0))
    on_world = replace(
        TrainRequest("structure", "c", recipe, "mini", load_profile("laptop")), data="world:people=2", run="w"
    )
    assert not to_be_rendered(Training(on_world))
    said = redub("train", "structure", "-c", "c", "--on", "world:people=2", "--name", "w", *given(SHORT))
    assert "on world:people=2, 8 windows" in said
    assert [one.step for one in checkpoints_of(Catalog("c"), "w")] == [2]
