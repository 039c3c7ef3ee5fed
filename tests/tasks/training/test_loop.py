"""What the loop promises of its steps: who sees what, what is left out, and when it stops."""

import os
import time

import pytest
import torch

from tasks.training.chance import chance, happens, normal
from tasks.training.feeding import Feeder
from tasks.training.guarding import ENOUGH, Guard
from tasks.training.loop import train
from tasks.training.order import Order
from tasks.training.problems import Stop
from tasks.training.recipe import Guards
from tests.tasks.training.toy import Heard, ToyWindows, job, undisturbed


def test_every_sample_comes_once_an_epoch_in_another_order_each():
    order = Order([25] * 10, batch=4, seed=1)
    seen = [one for step in range(5) for one in order.batch(step)]
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]


def test_a_training_of_a_million_steps_has_its_first_batch_at_once():
    order, began = Order([9] * 12, batch=4, seed=0), time.monotonic()
    feeder = Feeder(ToyWindows(), order, range(3, 1_000_000), 1, 2, 0, torch.device("cpu"))
    first = next(iter(feeder))
    assert first["id"] == [f"toy@{number}" for number in order.batch(3)[1::2]]
    assert time.monotonic() - began < 2


def test_any_step_can_be_asked_for_alone_and_another_seed_is_another_order():
    order, again = Order([25] * 50, 8, seed=2), Order([25] * 50, 8, seed=2)
    expected = [order.batch(step) for step in range(40)]
    assert again.batch(37) == expected[37]
    assert Order([25] * 50, 8, seed=3).batch(37) != expected[37]


def test_a_batch_holds_samples_of_one_length_and_all_samples_come():
    lengths = [25] * 7 + [77] * 5
    order = Order(lengths, batch=2, seed=0)
    batches = [order.batch(step) for step in range(order.batches_an_epoch)]
    assert all(len({lengths[one] for one in batch}) == 1 for batch in batches)
    assert {one for batch in batches for one in batch} == set(range(12))


def test_no_two_places_and_no_two_steps_draw_the_same_noise_and_a_resumed_one_does():
    drawn = {
        (step, place): float(normal([chance(0, step, place)], 1)) for step in range(4) for place in range(4)
    }
    assert len(set(drawn.values())) == 16
    assert float(normal([chance(0, 2, 3)], 1)) == drawn[2, 3]


def test_what_happens_in_a_tenth_of_cases_does():
    share = happens([chance(0, 0, place) for place in range(4000)], 0.1).float().mean()
    assert float(share) == pytest.approx(0.1, abs=0.02)


def test_a_batch_with_nan_is_left_out_and_named_and_the_training_goes_on(tmp_path):
    windows = ToyWindows(bad=(5,))
    heard = undisturbed(tmp_path, windows, steps=6)
    out = [event for event in heard.steps if event["left_out"]]
    assert len(out) == 2, "twelve samples in batches of four: one of three steps an epoch sees it"
    assert all("toy@5" in event["ids"] and "not finite" in event["left_out"] for event in out)
    assert all(torch.isfinite(torch.tensor(event["loss"])) for event in heard.steps if not event["left_out"])


def test_so_many_of_them_in_a_row_stop_it_with_the_samples_named(tmp_path):
    windows = ToyWindows(bad=tuple(range(1, 12)))
    with pytest.raises(Stop, match=r"3 steps in a row were left out.*toy@\d+.*redub sheet"):
        undisturbed(tmp_path, windows, guards=Guards(in_a_row=3))


def test_windows_of_which_none_is_finite_are_refused(tmp_path):
    with pytest.raises(Stop, match="none of the windows has finite latents"):
        undisturbed(tmp_path, ToyWindows(bad=tuple(range(12))))


def test_a_gradient_that_explodes_is_called_so_by_what_is_usual():
    guard = Guard(Guards(explodes=10, in_a_row=3))
    for step in range(ENOUGH):
        guard.saw(step, 1.0, True, ["a"])
    assert guard.most == 10.0
    assert "12" in guard.saw(ENOUGH, 12.0, False, ["a"])
    assert guard.saw(ENOUGH + 1, 1.0, True, ["a"]) == ""


def test_a_batch_that_cannot_be_dealt_evenly_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(Stop, match=r"a batch of 4 can't be dealt evenly to 1 workers that take 3 at a time"):
        train(_with_micro(job(tmp_path), 3), Heard())


def test_micro_batches_change_nothing_but_rounding(tmp_path):
    whole = undisturbed(tmp_path / "whole", steps=4)
    heard = Heard()
    train(_with_micro(job(tmp_path / "micro", steps=4), 2), heard)
    for one, other in zip(whole.steps, heard.steps, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)


def test_the_clock_may_jump(tmp_path, monkeypatch):
    times = iter([1e9, 5.0, 2e9, -1.0, *range(1000)])
    monkeypatch.setattr("time.time", lambda: next(times))
    assert len(undisturbed(tmp_path, steps=4, save_every=1).steps) == 4


def test_what_is_exported_says_what_it_is_and_loads_as_a_net(tmp_path):
    from models.dit.checkpoint import load
    from models.dit.presets import stacked
    from models.weights.about import about
    from tests.tasks.training.toy import TINY

    undisturbed(tmp_path, steps=3)
    file = tmp_path / "step-00000003" / "weights.safetensors"
    assert about(file)["licence"] == "Apache-2.0"
    net = load(file)
    assert net.config == stacked(TINY)
    assert float(net.channel_scale.std()) > 0
    assert os.stat(file).st_mode & 0o444 == 0o444


def _with_micro(job, micro: int):
    from dataclasses import replace

    return replace(job, micro=micro)
