"""A training is looked at from time to time: it goes on as if it were not, and its best checkpoint stays."""

import multiprocessing
import random
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from infra.zero import Sharding
from tasks.training.checkpoints import Place
from tasks.training.loop import train
from tasks.training.objective import Validation
from tasks.training.recipe import Optimizer
from tests.tasks.training.toy import Heard, job, undisturbed

FORK = multiprocessing.get_context("fork")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@dataclass
class Rude:
    """Disturbs all that a validator can disturb, and gives the numbers that it was told to."""

    told: dict[int, float] = field(default_factory=dict)
    higher_is_better: bool = True
    weights: dict[int, dict[str, torch.Tensor]] = field(default_factory=dict)

    def __call__(self, net: nn.Module, step: int) -> Validation:
        assert not any(module.training for module in net.modules())
        assert not torch.is_grad_enabled()
        self.weights[step] = {name: one.detach().clone() for name, one in net.named_parameters()}
        torch.rand(3), random.random(), np.random.rand()
        torch.manual_seed(99)
        torch.set_num_threads(2)
        net.train()
        return Validation({"quality": self.told.get(step, float(step)), "other": 1.0}, {"faces.png": PNG})


def looked_at(folder: Path, validator, heard: Heard | None = None, **changes) -> Heard:
    heard = heard or Heard()
    train(replace(job(folder, **changes), validator=validator), heard)
    return heard


def weights(folder: Path, step: int) -> bytes:
    return (folder / f"step-{step:08d}" / "weights.safetensors").read_bytes()


def test_a_validated_training_takes_the_very_same_steps_and_leaves_chance_and_threads_alone(tmp_path):
    whole = undisturbed(tmp_path / "whole")
    before = random.getstate(), np.random.get_state()[1].tolist()
    heard = looked_at(tmp_path / "looked", Rude(), validate_every=2)
    assert heard.losses == whole.losses
    assert weights(tmp_path / "looked", 10) == weights(tmp_path / "whole", 10)
    assert torch.get_num_threads() == 1
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_it_sees_the_averaged_weights_which_are_those_of_the_checkpoint(tmp_path):
    looked_at(tmp_path, rude := Rude(), validate_every=4)
    saved = load_file(tmp_path / "step-00000008" / "weights.safetensors")
    assert rude.weights[8]
    assert all(torch.equal(saved[name], value) for name, value in rude.weights[8].items())


def test_it_is_looked_at_every_so_many_steps_and_at_the_end_and_those_steps_have_checkpoints(tmp_path):
    heard = looked_at(tmp_path, Rude(), validate_every=4, save_every=100, keep=10)
    told = [one for one in heard.events if one["kind"] == "validation"]
    assert [one["step"] for one in told] == [4, 8, 10]
    assert Place(str(tmp_path)).there() == [10, 8, 4]
    assert Place(str(tmp_path)).read(8).note["metrics"] == {"quality": 8.0, "other": 1.0}
    assert Path(told[1]["pictures"]["faces.png"]) == tmp_path / "samples" / "00000008-faces.png"
    assert (tmp_path / "samples" / "00000008-faces.png").read_bytes() == PNG


def test_the_best_checkpoint_is_never_dropped_also_after_a_resume(tmp_path):
    rude = Rude({2: 5.0, 4: 9.0, 6: 1.0, 8: 2.0, 10: 3.0})
    looked_at(tmp_path, rude, Heard(stop_after=5), validate_every=2, keep=1)
    assert Place(str(tmp_path)).there() == [5, 4]
    looked_at(tmp_path, rude, validate_every=2, keep=1)
    place = Place(str(tmp_path))
    assert place.there() == [10, 4]
    assert [place.read(step).note["best"] for step in (10, 4)] == [False, True]


def test_lower_is_better_where_the_validator_says_so(tmp_path):
    rude = Rude({4: 0.3, 8: 0.1, 10: 0.2}, higher_is_better=False)
    looked_at(tmp_path, rude, validate_every=4, keep=1, save_every=100)
    assert Place(str(tmp_path)).there() == [10, 8]


def test_a_number_that_is_none_is_never_the_best(tmp_path):
    rude = Rude({4: 0.3, 8: float("nan"), 10: 0.2})
    heard = looked_at(tmp_path, rude, validate_every=4, keep=1, save_every=100)
    assert Place(str(tmp_path)).there() == [10, 4]
    assert "quality" not in [one for one in heard.events if one["kind"] == "validation"][1]["metrics"]


def test_a_validation_that_fails_is_told_and_the_training_goes_on(tmp_path):
    def fails(net, step):
        raise ValueError("no face in any of them")

    fails.higher_is_better = True
    heard = looked_at(tmp_path, fails, validate_every=4)
    warned = [one["text"] for one in heard.events if one["kind"] == "warning"]
    assert len(warned) == 3
    assert "validation after step 4 failed (ValueError: no face in any of them)" in warned[0]
    assert heard.losses == undisturbed(tmp_path / "whole").losses


@pytest.mark.parametrize(("zero", "dtype"), [(0, "bf16"), (2, "fp32"), (3, "fp32")])
def test_however_the_network_is_sharded_it_is_looked_at_with_its_averages_and_trains_on_alike(
    tmp_path, zero, dtype
):
    for name in ("whole", "looked"):
        process = FORK.Process(target=_sharded, args=(tmp_path / name, name == "looked", zero, dtype))
        process.start()
        process.join()
        assert process.exitcode == 0
    whole, looked = (torch.load(tmp_path / name / "told") for name in ("whole", "looked"))
    assert looked["losses"] == whole["losses"]
    assert weights(tmp_path / "looked", 4) == weights(tmp_path / "whole", 4)
    saved = load_file(tmp_path / "looked" / "step-00000002" / "weights.safetensors")
    for name, value in looked["weights"][2].items():
        bare = name.removeprefix("inner.").removeprefix("module.")
        assert torch.equal(value, saved[bare].to(value.dtype)), name


def _sharded(folder: Path, looked: bool, zero: int, dtype: str) -> None:
    """DeepSpeed starts once in a process."""
    torch.set_num_threads(1)
    validator, adam = Rude() if looked else None, Optimizer(kind="adamw", warmup=2)
    toy = job(folder, steps=4, optimizer=adam, validate_every=2, save_every=2)
    train(replace(toy, validator=validator, sharding=Sharding(zero=zero, dtype=dtype)), heard := Heard())
    torch.save({"losses": heard.losses, "weights": validator.weights if validator else {}}, folder / "told")
