"""Steps of sampling that are left out, on paths whose velocity is known: of a mixture of normal distributions."""

from itertools import pairwise

import pytest
import torch

from models.dit.flow import SHIFT, sample, schedule
from models.dubbing.reuse import ReusedVelocities

SHAPE = (1, 6, 3, 4, 4)


def velocity_of(spread, seed=0):
    """E[noise - clean | z] where clean is one of five points, give or take `spread`."""
    torch.manual_seed(seed)
    points = torch.randn(5, torch.Size(SHAPE).numel(), dtype=torch.float64)

    def velocity(z, t):
        off = z.flatten() - (1 - t) * points
        variance = ((1 - t) * spread) ** 2 + t**2
        share = (-(off**2).sum(1) / (2 * variance)).softmax(0)
        clean = (share[:, None] * (points + (1 - t) * spread**2 / variance * off)).sum(0)
        return ((z.flatten() - (1 - t) * clean) / t - clean).view_as(z)

    return velocity


def along(velocity, most, steps=30):
    torch.manual_seed(1)
    noise = torch.randn(SHAPE, dtype=torch.float64)
    asked = []

    def predict(z, t):
        asked.append(t)
        return velocity(z, t)

    path = ReusedVelocities(predict, schedule(steps), most)
    return noise, sample(path, noise, steps), path, asked


@pytest.mark.parametrize("spread", [0.05, 0.3, 1.0])
def test_the_error_that_is_stated_is_not_less_than_the_real_one(spread):
    velocity = velocity_of(spread)
    noise, whole, path, asked = along(velocity, 0)
    assert (path.left_out, path.error, len(asked)) == (0, 0, 30)
    assert torch.equal(whole, sample(velocity, noise))
    for most in (0.01, 0.03, 0.1):
        _, z, path, asked = along(velocity, most)
        assert 30 - len(asked) == path.left_out >= 5
        real = (z - whole).norm() / (whole - noise).norm()
        assert 0 < real <= path.error < most


def test_the_first_two_steps_and_the_last_are_computed_and_never_two_are_left_out_on_end():
    _, _, path, asked = along(velocity_of(1.0), 0.5)
    times = schedule(30, SHIFT)[:-1]
    kept = [t in asked for t in times]
    assert kept[:3] == [True, True, True]
    assert kept[-1]
    assert path.left_out == 13
    assert all(one or other for one, other in pairwise(kept))


def test_a_turn_in_the_way_is_not_cut():
    """The velocity jumps: the step after the jump is computed, unless it was left out just then; then its next is."""

    def velocity(z, t):
        return torch.ones_like(z) * (1 if t > 0.8 else -3)

    _, z, path, asked = along(velocity, 0.05)
    _, whole, _, _ = along(velocity, 0)
    times = schedule(30)
    after = next(place for place, t in enumerate(times) if t <= 0.8)
    assert {times[after], times[after + 1]} & set(asked)
    assert path.error >= (z - whole).norm() / (whole - z).norm().clamp(min=1) - 1


def test_one_step_is_one_step():
    _, _, path, asked = along(velocity_of(1.0), 0.5, steps=1)
    assert (asked, path.left_out) == ([1.0], 0)
