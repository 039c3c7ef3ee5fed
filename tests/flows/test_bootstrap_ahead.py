"""What would end a bootstrap's later trainings is said before an earlier one is begun: on settings, on clips, on pairs."""

from pathlib import Path

import pytest

from flows.bootstrapping.ahead import check_experts, check_phases, check_settings
from flows.bootstrapping.asked import check_asked
from flows.bootstrapping.chain import begun, go_on
from flows.errors import BootstrapRefused, PromotionRefused
from flows.recipes import Recipe
from models.weights.errors import ModelError
from storage.trainings.reading import trainings
from tests.flows.bootstrapped import ALL, HELD_OUT, Idle, asked_for, make_clips, make_rest
from tests.tasks.training.editor.chance_syncnet import chance_syncnet

pytestmark = pytest.mark.usefixtures("one_thread")
DEAF = {"rebuild": [*ALL, *HELD_OUT], "lip": ["least_in_sync=0"]}
"""Of clips of 64 pixels no teacher hears that they are in sync."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person of two is held out."""
    folder = tmp_path_factory.mktemp("ahead")
    make_clips(folder, HELD_OUT)
    return folder


@pytest.mark.parametrize(
    ("phase", "setting", "says"),
    [
        ("lip", "sync=run:nobody", r"lip expert \(--set lip\.NAME=VALUE\): run:nobody"),
        ("texture", "identity=/no/such.onnx", r"texture expert .*no weights at /no/such\.onnx"),
        ("structure", "init=mini:vae", r"structure editor .*init mini:vae fits no block"),
        ("texture", "preset=huge", r"texture expert .*there is no preset 'huge'"),
        ("generator", "init=run:nobody", r"generator .*run:nobody"),
    ],
)  # fmt: skip
def test_networks_and_settings_of_all_phases_are_checked_before_anything_is_computed(
    tmp_path: Path, phase: str, setting: str, says: str
) -> None:
    with pytest.raises(BootstrapRefused, match=f"(?s){says}"):
        check_settings(asked_for(tmp_path, overrides={phase: [setting]}))


def test_a_network_that_only_the_pairs_need_is_missed_before_the_clips(tmp_path: Path) -> None:
    missing = {"rebuild": ["pairscores.identity_model=/no/such.onnx"]}
    with pytest.raises(ModelError, match=r"/no/such\.onnx"):
        begun(asked_for(tmp_path, overrides=missing))


def test_a_gate_that_does_not_exist_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(PromotionRefused, match="there is no gate 'lek'"):
        check_asked(asked_for(tmp_path, gates=("lek=0.2",)))


class Rebuilding(Idle):
    """Has the clips, and trains nothing."""

    def rebuild(self, asked, recipe: Recipe) -> str | None:
        assert recipe.companion is None
        return "v1"

    def say(self, what: str) -> None:
        self.taken.append(what)


@pytest.mark.chaos
def test_a_teacher_at_chance_is_refused_as_soon_as_there_are_clips(clips: Path, tmp_path: Path) -> None:
    deaf = {"rebuild": DEAF["rebuild"], "lip": [f"sync={chance_syncnet(tmp_path)}"]}
    asked, hands = asked_for(clips, overrides=deaf), Rebuilding()
    says = r"^trainings would be refused.*\nlip expert .*SyncNet .* is no teacher here"
    with pytest.raises(BootstrapRefused, match=says):
        go_on(begun(asked), hands)
    assert hands.taken == ["clips", "generator", "Checking on the clips what the editor's phases will need"]
    assert trainings(asked.tables) == []


@pytest.mark.chaos
def test_clips_on_which_all_phases_can_take_a_step_are_let_through(clips: Path) -> None:
    check_phases(asked_for(clips, overrides=DEAF), "v1")


@pytest.mark.chaos
def test_a_net_that_cannot_hear_such_clips_is_refused_on_them(clips: Path) -> None:
    says = r"structure editor .*the sound of a window is .*, and the net takes"
    with pytest.raises(BootstrapRefused, match=f"(?s){says}"):
        check_phases(asked_for(clips, overrides=DEAF | {"structure": ["preset=1b"]}), "v1")


@pytest.mark.chaos
def test_experts_are_tried_on_the_pairs_before_there_is_an_editor(clips: Path, tmp_path: Path) -> None:
    make_rest(clips)
    check_experts(asked_for(clips, overrides=DEAF), "v2")
    with pytest.raises(BootstrapRefused, match=r"lip expert .* is no teacher here"):
        check_experts(asked_for(clips, overrides={"lip": [f"sync={chance_syncnet(tmp_path)}"]}), "v2")
