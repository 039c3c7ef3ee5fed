"""What weights say of how they are to be sampled is taken, and refused in a sentence where it cannot be meant."""

import json

import pytest
import torch
from safetensors.torch import save_file

from models.dubbing.request import Settings
from models.dubbing.suited import said_of, settings_of
from models.weights.references import ModelError

MINI = Settings(clip=25, steps=4, shift=6.0, reference=0.0, audio=3.5, border=False)


@pytest.fixture
def weights(tmp_path):
    def saying(said):
        path = tmp_path / "editor.safetensors"
        save_file({"x": torch.zeros(1)}, path, {"about": json.dumps(said)})
        return str(path)

    return saying


def test_weights_are_sampled_as_they_say_unless_something_else_is_given(weights):
    path = weights({"sampling": said_of(MINI)})
    assert settings_of(path) == MINI
    assert settings_of(path, steps=8, seed=3) == Settings(
        clip=25, steps=8, shift=6.0, reference=0.0, audio=3.5, border=False, seed=3
    )
    assert settings_of(weights({"sampling": json.dumps({"shift": 6})})) == Settings(shift=6.0)
    assert settings_of(weights({"licence": "MIT"}), border=False) == Settings(border=False)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"steps": 10**9}, "steps is 1000000000, not 1 to 1000"),
        ({"steps": 4.0}, "which is no whole number"),
        ({"steps": True}, "which is no whole number"),
        ({"shift": float("nan")}, "shift is nan, which is no number"),
        ({"audio": -1}, "audio is -1, not 0 to 100"),
        ({"audio": 10**400}, "not 0 to 100"),
        ({"clip": 26}, "takes 4k\\+1 frames"),
        ({"clip": 25, "motion": 25}, "leave nothing of a clip"),
        ({"border": 1}, "not true or false"),
        ({"device": "cuda"}, "knows no 'device'"),
        ([4, 6], "no object of settings"),
        ("{", "Expecting property name"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(weights, said, why):
    with pytest.raises(ModelError, match=why) as refused:
        settings_of(weights({"sampling": said}))
    assert "editor.safetensors says how it is to be sampled, and" in str(refused.value)
