"""A training is watched: as curves in a picture, in TensorBoard, and by what the terminal says of it."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.command.main import app
from flows.errors import RecipeError
from flows.terminal.live_training import TrainingView
from flows.training.boards import Boards, Shown, check_boards, flat, open_boards
from flows.training.curves import draw_curves, keep_curves, panels_of, smoothed, thinned
from flows.training.data import Data
from flows.training.validation import find_validator
from storage.drawing.plot import HIGH, MARGIN, WIDE
from storage.ledger.catalog import Catalog
from storage.media.images import decode_image, encode_png
from storage.store import Store
from storage.trainings.writing import write_metrics
from storage.versions.version import load_version
from tasks.training.recipe import GeneratorRecipe
from tasks.training.world_validation import WorldValidator
from tests.storage.trainings import trained
from tests.tasks.training.toy import ToyWindows
from tests.toy.inline import run_inline, toy_stages, write_words

STEP = {
    "kind": "step", "step": 4, "loss": 0.5, "norm": 1.0, "rate": 1.0, "left_out": "", "ids": [], "samples": 8,
    "seconds": 0.5, "waited": 0.0, "memory": 3e9, "mfu": 0.25,
}  # fmt: skip


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """With a training of which 40 steps and two validations are known."""
    made = Catalog(str(tmp_path / "catalog"))
    attempt = trained(made, "gen-a", steps=0)
    steps = {
        step: {"loss": 1 / step, "norm": 1.0, "loss_t_0-0.25": 0.3, "memory": 2e9} for step in range(1, 41)
    }
    steps[20] |= {"psnr_lips": 20.0, "leak": 0.1}
    steps[40] |= {"psnr_lips": 22.0, "leak": 0.05}
    write_metrics(made, attempt, steps)
    return made


def validation(folder: Path) -> dict:
    picture = folder / "faces.png"
    picture.write_bytes(encode_png(np.full((32, 48, 3), 200, np.uint8)))
    return {
        "kind": "validation", "step": 4, "metrics": {"psnr_lips": 21.5}, "seconds": 1.0,
        "pictures": {"faces.png": str(picture), "faces.mp4": "never opened"},
    }  # fmt: skip


def shown(folder: Path) -> Shown:
    return Shown("gen-a", str(folder), {"steps": 10, "optimizer": {"rate": 0.1}}, 0, Store())


def test_curves_are_one_picture_of_all_that_is_known(catalog):
    panels = panels_of({"loss": [(1, 2.0), (2, 1.0)], "psnr_lips": [(2, 20.0)], "psnr_mask": [(2, 21.0)]})
    assert [panel.title for panel in panels] == ["loss", "loss by noise level", "psnr"]
    picture = decode_image(draw_curves(catalog, "gen-a"))
    rows = 3  # loss and its noise level, gradient and memory, leak and PSNR
    assert picture.shape == (rows * (HIGH + MARGIN) + MARGIN, 2 * (WIDE + MARGIN) + MARGIN, 3)


def test_a_training_without_a_step_has_no_curves(tmp_path):
    catalog = Catalog(str(tmp_path))
    trained(catalog, "gen-a", steps=0)
    assert draw_curves(catalog, "gen-a") is None
    assert keep_curves(catalog, "gen-a").curves == ""


def test_where_curves_and_the_newest_samples_are_is_told(catalog):
    samples = Path(catalog.root) / "trainings" / "gen-a" / "samples"
    samples.mkdir(parents=True)
    for name in ("00000020-people.png", "00000020-people.mp4", "00000040-people.mp4", "00000040-people.png"):
        (samples / name).write_bytes(b"")
    found = keep_curves(catalog, "gen-a")
    assert decode_image(Path(found.curves).read_bytes()).any()
    assert found.newest_samples == str(samples / "00000040-people.mp4")


def test_smoothing_keeps_steps_and_leaves_out_what_is_no_number():
    points = [(step, float(step % 2)) for step in range(300)]
    smooth = smoothed([*points[:100], (100, float("nan")), *points[101:]])
    assert len(smooth) == 299
    assert all(0.3 < value < 0.7 for _, value in smooth[20:])
    assert len(thinned(points * 10)) == 601, "so many, and the last"
    assert thinned(points)[-1] == points[-1]


def test_redub_runs_show_writes_the_picture(catalog, tmp_path):
    file = tmp_path / "out.png"
    done = CliRunner().invoke(app, ["runs", "show", "gen-a", "-c", catalog.root, "--picture", str(file)])
    assert done.exit_code == 0, done.output
    assert decode_image(file.read_bytes()).shape[1] == 2 * (WIDE + MARGIN) + MARGIN
    assert "Curves:" in done.output


def test_a_picture_that_is_no_png_or_can_not_be_written_is_refused(catalog, tmp_path):
    for name, said in (("out.jpg", "ends in .png"), ("no/such/folder/out.png", "can't be written")):
        done = CliRunner().invoke(
            app, ["runs", "show", "gen-a", "-c", catalog.root, "--picture", str(tmp_path / name)]
        )
        assert isinstance(done.exception, RecipeError)
        assert said in str(done.exception)


def test_tensorboard_gets_numbers_and_sample_grids(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with open_boards(["tensorboard"], shown(tmp_path), pytest.fail) as boards:
        boards.hear({"kind": "begins", "step": 0})
        boards.hear(STEP)
        boards.hear(validation(tmp_path))
    there = EventAccumulator(str(tmp_path / "tensorboard"))
    there.Reload()
    assert [(one.step, one.value) for one in there.Scalars("loss")] == [(4, 0.5)]
    assert there.Scalars("samples_per_s")[0].value == 16.0
    assert there.Scalars("validation/psnr_lips")[0].value == 21.5
    (image,) = there.Images("samples/faces")
    assert (image.step, image.height, image.width) == (4, 32, 48)


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_what_is_not_installed_is_refused_with_the_command_that_installs_it(name):
    if find_spec(name):
        pytest.skip(f"{name} is installed here")
    with pytest.raises(
        RecipeError, match=f"--log {name} needs .* `uv pip install {name}` or `pip install {name}`"
    ):
        check_boards(["tensorboard", name] if find_spec("tensorboard") else [name])


def test_a_board_that_nobody_knows_is_refused():
    with pytest.raises(RecipeError, match="--log excel is not known; there are: tensorboard, mlflow, wandb"):
        check_boards(["excel"])


def test_a_board_that_fails_is_left_out_with_a_warning_and_the_others_go_on(tmp_path):
    class Away:
        def numbers(self, values, step):
            raise ConnectionError("no route to host")

        def picture(self, name, rgb_HWC, step):
            raise AssertionError("it was left out")

        def close(self):
            raise AssertionError("it was left out")

    class Keeps(Away):
        told: list = []

        def numbers(self, values, step):
            self.told.append((step, values["loss"]))

        def close(self):
            self.told.append("closed")

    warned: list[str] = []
    boards = Boards({"mlflow": Away(), "wandb": Keeps()}, Store(), warned.append)
    boards.hear(STEP)
    boards.hear({**STEP, "step": 5})
    boards.close()
    assert Keeps.told == [(4, 0.5), (5, 0.5), "closed"]
    assert warned == ["mlflow is not told any more (ConnectionError: no route to host); training goes on"]


def test_settings_are_told_by_the_names_that_set_takes():
    assert dict(flat({"steps": 10, "optimizer": {"rate": 0.1}})) == {"steps": 10, "optimizer.rate": 0.1}


@pytest.mark.parametrize(("device", "there"), [("cuda", True), ("cpu", False)])
def test_the_terminal_says_how_much_of_a_gpu_is_used_and_nothing_of_a_cpu(device, there):
    view = TrainingView()
    view.hear({"kind": "begins", "step": 0, "steps": 10, "wrong": [], "device": device})
    view.hear(STEP)
    assert ("25% of the peak, 3 GB" in view.summary(4)) is there


def test_a_training_on_the_world_is_looked_at_with_as_many_strangers_as_are_asked_for(tmp_path):
    recipe, data = GeneratorRecipe(validate_on=3), Data("world:people=4", ToyWindows())
    validator, why = find_validator(Catalog(str(tmp_path)), data, recipe)
    assert isinstance(validator, WorldValidator)
    assert (validator.people, why) == (3, "")


def test_a_version_that_holds_nothing_out_is_not_validated_and_that_is_said(tmp_path):
    ran = run_inline(
        write_words(tmp_path / "words", a="one line of words"), tmp_path / "catalog", toy_stages()
    )
    (split,) = load_version(ran.catalog, "v1")[0].manifest["splits"]
    recipe = GeneratorRecipe(split=split)
    validator, why = find_validator(ran.catalog, Data("v1", ToyWindows()), recipe)
    assert validator is None
    assert why == "v1 has no clips in split val or test: nothing is validated"


def test_why_held_out_clips_give_no_window_is_said(tmp_path):
    texts = {f"f{i}": f"line {i} of words\nand another {i}" for i in range(24)}
    ran = run_inline(write_words(tmp_path / "words", **texts), tmp_path / "catalog", toy_stages())
    validator, why = find_validator(ran.catalog, Data("v1", ToyWindows()), GeneratorRecipe())
    assert validator is None
    assert why.startswith("nothing is validated: v1 of")
    assert "was made without ingest" in why
