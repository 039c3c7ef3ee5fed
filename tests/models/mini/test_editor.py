"""The shipped editor and its expert do what their headers and the documents say."""

import json

import pytest
import torch

from models.dit.checkpoint import inspect
from models.dubbing.suited import MINI_SAMPLING, settings_of
from models.mini.editor.measure import EDITOR, FLOORS, measured, opened, shipped_experts
from models.mini.generator.strangers import FIRST, strangers
from models.weights.about import about
from models.weights.references import resolve


@pytest.fixture(scope="module")
def numbers():
    torch.set_num_threads(1)
    return measured(opened(EDITOR, shipped_experts()), strangers(FIRST, 8), settings_of(EDITOR))[0]


def test_of_people_who_were_used_for_no_choice_mouth_and_face_are_right(numbers):
    for name, floor in FLOORS.items():
        least, most = (floor, None) if isinstance(floor, float) else floor
        assert least is None or numbers[name] >= least, (name, numbers[name])
        assert most is None or numbers[name] <= most + 0.1, (name, numbers[name])


def test_editor_and_expert_are_small_and_say_what_they_are():
    files = [resolve(one) for one in (EDITOR, *shipped_experts())]
    assert len(files) == 2
    assert sum(file.stat().st_size for file in files) < 20e6
    assert inspect(EDITOR).fit.whole
    assert settings_of(EDITOR) == MINI_SAMPLING
    for file in files:
        said = about(file)
        assert said["licence"] == "Apache-2.0"
        found = said["measured"] if isinstance(said["measured"], dict) else json.loads(said["measured"])
        assert found["opening_r"]["mean"] > 0.75
        assert found["leak"]["mean"] < 0.12
        assert found["psnr_lips"]["mean"] > found["psnr_lips_of_the_source"]["mean"] + 0.5, (
            "lips that beat the source's"
        )
