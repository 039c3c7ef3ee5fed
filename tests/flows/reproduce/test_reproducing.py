"""What was trained and measured is never done twice, and what was stopped goes on, through the driver of all trainings."""

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from flows.foreground.reproducing import Asked, reproduce
from flows.reproduce.plan import Budget, chosen, trainings_of, variants_of
from flows.reproduce.training import left
from flows.terminal.live_training import TrainingView
from flows.terminal.reproduced import as_plain
from flows.training.data import find_data
from infra.profiles import load_profile
from models.mini.editor.corpus import WorldPairs, filmed
from models.mini.shards import shard_file
from storage.ledger.catalog import Catalog
from storage.trainings.reading import trainings

pytestmark = pytest.mark.usefixtures("one_thread")
TOY = Budget(crop=3, whole=1, expert=1, batch=2, people=2, looked_at=1)
SOME = ("generator", "structure", "lip only")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two people of the world, in which trainings run in this process, as torchrun starts them."""
    monkeypatch.chdir(tmp_path)
    named = {
        "RANK": "0",
        "WORLD_SIZE": "1",
        "LOCAL_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "29537",
    }
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    planned = trainings_of(chosen(variants_of(TOY), SOME))[0]
    windows = find_data(Catalog("c"), planned.data, planned.recipe).windows
    assert isinstance(windows, WorldPairs)
    windows.folder.mkdir(parents=True)
    first = windows.plan.first
    save_file(filmed(windows.plan, range(first, first + 2)), shard_file(windows.folder, first, 0))
    return tmp_path


def stopping(at: int) -> Callable[[TrainingView, Mapping[str, Any]], None]:
    """What hears a training, and presses Ctrl-C after a step."""
    hear = TrainingView.hear

    def heard(view: TrainingView, event: Mapping[str, Any]) -> None:
        hear(view, event)
        if event.get("kind") == "step" and event["step"] == at:
            signal.raise_signal(signal.SIGINT)

    return heard


def attempts(catalog: Catalog) -> dict[str, tuple[str, int]]:
    return {one.run.rpartition("-")[0]: (one.state, one.attempt) for one in trainings(catalog)}


@pytest.mark.chaos
def test_it_goes_on_where_it_was_and_then_only_prints(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked((chosen(variants_of(TOY), SOME),), "c", load_profile("laptop"), people=3, noises=1)
    catalog = Catalog("c")
    with monkeypatch.context() as pressed:
        pressed.setattr(TrainingView, "hear", stopping(at=1))
        assert reproduce(asked) is None
    assert attempts(catalog) == {"structure-crop": ("stopped", 1)}

    found = reproduce(asked)
    assert found is not None
    assert attempts(catalog) == {
        "structure-crop": ("finished", 2), "structure-whole": ("finished", 1), "lip": ("finished", 1),
    }  # fmt: skip
    assert found.numbers.keys() == set(SOME)
    assert found.numbers["generator"]["psnr_full"].value > found.numbers["structure"]["psnr_full"].value
    measured = {file: file.stat().st_mtime_ns for file in Path("c/measured").glob("*.json")}
    assert len(measured) == 3

    started = time.monotonic()
    again = reproduce(asked)
    assert again is not None
    assert as_plain(again) == as_plain(found)
    assert time.monotonic() - started < 10
    assert attempts(catalog)["structure-crop"] == ("finished", 2)
    assert {file: file.stat().st_mtime_ns for file in Path("c/measured").glob("*.json")} == measured

    other = trainings_of(chosen(variants_of(replace(TOY, expert=2)), SOME))
    assert [one.label for one in left(catalog, other)] == ["lip"], "only what changed is left to do"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--budget", "huge"), "there is no budget 'huge'; there are: small, full"),
        (("--people", "2"), "an interval takes 3 people, 1 noise and 1 training or more, not 2, 3 and 1"),
        (("--trainings", "0"), "and 1 training or more, not 40, 3 and 0"),
        (("--only", "lips"), "there is no variant 'lips'; there are: generator, control"),
        (("-c", "s3://bucket/x"), "s3://bucket/x is an object store"),
        (("--out", "no/such/folder.md"), "there is no folder no/such"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_trained(
    run_command: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in run_command("reproduce", "editor", *words, check=False)
    assert not list(tmp_path.iterdir())
