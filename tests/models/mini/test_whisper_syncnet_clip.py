"""The shipped Whisper, SyncNet and CLIP on strangers, and the trainings that make them.

Floors are promised for the numbers of strangers in the files; where fewer need slack, it says so.
"""

import json
from dataclasses import asdict

import pytest
import torch
from safetensors import safe_open

from models.mini.clip import measure as clip_measure
from models.mini.clip import train as clip
from models.mini.syncnet import measure as syncnet_measure
from models.mini.syncnet import train as syncnet
from models.mini.whisper import measure as whisper_measure
from models.mini.whisper import train as whisper
from models.mini.world_pictures import TRAINING
from models.weights.references import resolve


@pytest.fixture(autouse=True)
def threads():
    """Trainings set one, for good."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_strangers_lips_are_read_off_the_mini_whisper():
    """Also where nothing is heard at first, which Whisper's 30 seconds make a different input."""
    numbers = whisper_measure.measure("mini:whisper", people=8, seed=91, taught=20)
    assert all(numbers[name] >= floor - 0.02 for name, floor in whisper_measure.FLOORS.items())


def test_strangers_moved_sound_is_told_from_their_own():
    numbers = syncnet_measure.measure("mini:syncnet", people=8, seed=91)
    assert numbers["in_sync_accuracy"] >= syncnet_measure.FLOORS["in_sync_accuracy"] - 0.05


def test_strangers_are_found_again_by_the_mini_clip():
    assert (
        clip_measure.measure("mini:clip", people=100, seed=91)["retrieval"]
        >= clip_measure.FLOORS["retrieval"] - 0.03
    )


def about(reference):
    path = resolve(reference)
    if path.is_dir():
        return json.loads((path / "about.json").read_text())
    with safe_open(path, "pt") as stored:
        return json.loads(stored.metadata()["about"])


@pytest.mark.parametrize(
    ("reference", "training", "measuring"),
    [
        ("mini:whisper", whisper, whisper_measure),
        ("mini:syncnet", syncnet, syncnet_measure),
        ("mini:clip", clip, clip_measure),
    ],
)
def test_the_files_say_where_they_come_from_and_hold_their_floors(reference, training, measuring):
    described, path = about(reference), resolve(reference)
    assert described["licence"] == "Apache-2.0"
    assert described["command"] == f"python -m {training.__package__}"
    assert described["plan"] == json.loads(json.dumps(asdict(training.Plan())))
    assert str(TRAINING) in described["trained_on"]
    assert all(described["measured"][name] >= floor for name, floor in measuring.FLOORS.items())
    files = path.iterdir() if path.is_dir() else [path]
    assert sum(file.stat().st_size for file in files) < 3e6


def test_trainings_are_reproducible():
    plans = (
        (
            lambda plan: whisper.make(plan)[0],
            whisper.Plan(people=2, seconds=(3, 4), steps=4, batch=2, whole_batch=1),
        ),
        (syncnet.make, syncnet.Plan(clips=2, frames=30, steps=2, batch=2)),
        (clip.make, clip.Plan(people=4, frames=2, steps=2, batch=4)),
    )
    for make, plan in plans:
        one, two = make(plan).state_dict(), make(plan).state_dict()
        assert all(torch.equal(one[key], two[key]) for key in one)
