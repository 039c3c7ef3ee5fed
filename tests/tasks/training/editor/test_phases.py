"""Each phase learns by the loop, touches its own parameters alone, and goes on exactly after a kill."""

import multiprocessing
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models.dit import expertfile
from models.dit.checkpoint import load
from models.dit.experts import active, attached
from tasks.training.chance import chance
from tasks.training.job import objective_of
from tasks.training.loop import train
from tests.tasks.training.editor.toys import PHASES, STEPS, job_of, recipe_of
from tests.tasks.training.toy import Heard

FORK = multiprocessing.get_context("fork")
EXPERTS = [name for name in PHASES if name != "structure"]


def weights_after(folder: Path, step: int) -> Path:
    return folder / f"step-{step:08d}" / "weights.safetensors"


@pytest.mark.parametrize("phase", PHASES)
def test_killed_and_resumed_a_phase_takes_the_very_steps_of_the_undisturbed_one(
    phase, pairs, editor, tmp_path
):
    train(job_of(phase, editor, tmp_path / "whole", pairs), whole := Heard())
    # In the third step: the first one's checkpoint is written for certain, the second's perhaps.
    killed = FORK.Process(
        target=train, args=(job_of(phase, editor, tmp_path / "killed", pairs), Heard(kill_at=3))
    )
    killed.start()
    killed.join(300)
    assert killed.exitcode == -9
    train(job_of(phase, editor, tmp_path / "killed", pairs), resumed := Heard())
    assert 1 <= len(resumed.steps) < STEPS
    assert all(whole.losses[step] == loss for step, loss in resumed.losses.items())
    assert (
        weights_after(tmp_path / "killed", STEPS).read_bytes()
        == weights_after(tmp_path / "whole", STEPS).read_bytes()
    )


@pytest.mark.parametrize("phase", EXPERTS)
def test_an_expert_learns_alone_and_its_file_is_a_small_one_that_attaches_to_its_editor(
    phase, pairs, editor, tmp_path
):
    train(job_of(phase, editor, tmp_path, pairs), heard := Heard())
    file = weights_after(tmp_path, STEPS)
    assert file.stat().st_size < editor.stat().st_size / 4
    net = load(editor)
    assert expertfile.load(net, file) == phase
    assert attached(net) == (phase,)
    learnt = load_file(file)
    assert all(key.endswith(("lora_A.weight", "lora_B.weight")) for key in learnt)
    assert any(bool(value.abs().max() > 0) for key, value in learnt.items() if "lora_B" in key)
    told = {"lip": {"sync_loss"}, "texture": {"same_face", "same_picture"}}[phase]
    assert told <= set().union(*(step.keys() for step in heard.steps))


@pytest.mark.parametrize("phase", EXPERTS)
def test_a_step_of_an_expert_moves_nothing_of_the_editor(phase, pairs, editor):
    objective = objective_of(recipe_of(phase, editor))
    net = objective.build(pairs, torch.device("cpu"))
    assert active(net) == phase
    trained = {name for name, one in net.named_parameters() if one.requires_grad}
    assert trained
    assert all(f".{phase}." in name for name in trained)
    batch = pairs.__getitems__([0, 5])
    objective.loss(net, batch, [chance(0, 0, place) for place in (0, 1)]).value.backward()
    moved = {name for name, one in net.named_parameters() if one.grad is not None}
    assert moved == trained


def test_structure_trains_every_parameter(pairs, editor):
    objective = objective_of(recipe_of("structure", editor))
    net = objective.build(pairs, torch.device("cpu"))
    objective.loss(
        net, pairs.__getitems__([0, 5]), [chance(0, 0, place) for place in (0, 1)]
    ).value.backward()
    still = {name for name, one in net.named_parameters() if one.grad is None or not one.grad.any()}
    assert not still


def test_the_companion_shown_over_the_clip_takes_a_net_of_twice_the_channels(pairs):
    objective = objective_of(PHASES["structure"](companion="over", batch=2))
    net = objective.build(pairs, torch.device("cpu"))
    batch = pairs.__getitems__([0])
    predicted = objective.predicted(net, batch, [chance(0, 0, 0)])
    assert predicted.sequence.frames[0] == 0
    assert torch.equal(predicted.sequence.latents_BCFHW[:, :24], batch["companion_BCFHW"])
    assert predicted.made_BCFHW.shape == batch["target_BCFHW"].shape


def test_uniform_noise_levels_are_uniform_and_others_are_not():
    def drawn(**how):
        objective = objective_of(PHASES["structure"](**how))
        return objective._drawn([chance(0, 0, place) for place in range(2000)])[0]

    assert float(drawn(times="uniform").mean()) == pytest.approx(0.5, abs=0.02)
    assert float((drawn(times="uniform") < 0.1).float().mean()) == pytest.approx(0.1, abs=0.02)
    assert float(drawn().mean()) > 0.75


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "give init"),
        ({"init": "a", "crop": 8}, "decoded whole"),
        ({"init": "a", "part": 6}, "fewer left"),
        ({"init": "a", "sync_weight": -1}, "greater than or equal to 0"),
        ({"init": "a", "rank": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_load(settings, said):
    with pytest.raises(ValueError, match=said):
        PHASES["lip"](**settings)
