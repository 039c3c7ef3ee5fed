"""The shipped Whisper, SyncNet and CLIP on strangers, and the trainings that make them.

Floors are promised for the numbers of strangers in the files; where fewer need slack, it says so.
"""

import json
from dataclasses import asdict

import pytest
import torch
from safetensors import safe_open

from models.mini import clip, listener, syncnet
from models.mini.corpus import TRAINING
from models.weights.references import resolve


@pytest.fixture(autouse=True)
def threads():
    """Trainings set one, for good."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_strangers_lips_are_read_off_the_mini_whisper():
    """Also where nothing is heard at first, which Whisper's 30 seconds make a different input."""
    numbers = listener.measure("mini:whisper", people=8, seed=91, taught=20)
    assert all(numbers[name] >= floor - 0.02 for name, floor in listener.FLOORS.items())


def test_strangers_moved_sound_is_told_from_their_own():
    numbers = syncnet.measure("mini:syncnet", people=8, seed=91)
    assert numbers["in_sync_accuracy"] >= syncnet.FLOORS["in_sync_accuracy"] - 0.05


def test_strangers_are_found_again_by_the_mini_clip():
    assert clip.measure("mini:clip", people=100, seed=91)["retrieval"] >= clip.FLOORS["retrieval"] - 0.03


def about(reference):
    path = resolve(reference)
    if path.is_dir():
        return json.loads((path / "about.json").read_text())
    with safe_open(path, "pt") as stored:
        return json.loads(stored.metadata()["about"])


@pytest.mark.parametrize(
    ("reference", "script"), [("mini:whisper", listener), ("mini:syncnet", syncnet), ("mini:clip", clip)]
)
def test_the_files_say_where_they_come_from_and_hold_their_floors(reference, script):
    described, path = about(reference), resolve(reference)
    assert described["licence"] == "Apache-2.0"
    assert described["command"] == f"python -m {script.__name__}"
    assert described["plan"] == json.loads(json.dumps(asdict(script.Plan())))
    assert str(TRAINING) in described["trained_on"]
    assert all(described["measured"][name] >= floor for name, floor in script.FLOORS.items())
    files = path.iterdir() if path.is_dir() else [path]
    assert sum(file.stat().st_size for file in files) < 3e6


def test_trainings_are_reproducible():
    plans = (
        (
            lambda plan: listener.make(plan)[0],
            listener.Plan(people=2, seconds=(3, 4), steps=4, batch=2, whole_batch=1),
        ),
        (syncnet.make, syncnet.Plan(clips=2, frames=30, steps=2, batch=2)),
        (clip.make, clip.Plan(people=4, frames=2, steps=2, batch=4)),
    )
    for make, plan in plans:
        one, two = make(plan).state_dict(), make(plan).state_dict()
        assert all(torch.equal(one[key], two[key]) for key in one)
