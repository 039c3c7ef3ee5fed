"""Flow matching against its equations, number by number."""

from itertools import product
from math import cos, exp, pi

import pytest
import torch

from models.dit import flow

SHAPE = (2, 3, 4, 6, 5)


def numbers(seed, shape=SHAPE):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


Z0, NOISE = numbers(0), numbers(1)
T = torch.tensor([0.35, 0.9], dtype=torch.float64)


@pytest.mark.parametrize("alpha", flow.ALPHA.values())
def test_times_are_logit_normal_and_shifted(alpha):
    """The shift moves the logit by ln(alpha), so the drawn logits are normal around that."""
    drawn = flow.draw_times(20_000, alpha, torch.Generator().manual_seed(0)).double()
    logit = (drawn / (1 - drawn)).log()
    assert logit.mean().exp().item() == pytest.approx(alpha, rel=0.03)
    assert logit.std().item() == pytest.approx(1, abs=0.02)
    for t in (0.0, 0.2, 0.5, 1.0):
        closed = 1 - (1 - t) / (1 - t + alpha * t)
        assert flow.shifted(torch.tensor(t), alpha).item() == pytest.approx(closed, abs=1e-6)
    again = flow.draw_times(20_000, alpha, torch.Generator().manual_seed(0))
    assert again.double().numpy().tobytes() == drawn.numpy().tobytes()


def test_a_single_step_finds_the_clip_and_trusts_itself_less_in_noise():
    z, v, guess = flow.noised(Z0, NOISE, T), flow.velocity(Z0, NOISE), numbers(2)
    assert torch.allclose(z[1], 0.1 * Z0[1] + 0.9 * NOISE[1])
    assert torch.allclose(z - T[:, None, None, None, None] * v, Z0)
    found = flow.single_step(Z0, v, guess, T)
    assert torch.allclose(found[0], z[0] - 0.35 * guess[0])  # (9): below the clip nothing of z0 is needed
    assert torch.allclose(found[1], Z0[1] + 0.6 * (v[1] - guess[1]))


def test_the_loss_weighs_face_and_lips_and_leaves_motion_frames_out():
    guess, v = numbers(2), flow.velocity(Z0, NOISE)
    face = numbers(3, (2, 4, 6, 5)) > 0
    lips = face & (numbers(4, (2, 4, 6, 5)) > 0)
    counted = torch.tensor([[False, False, True, True], [True] * 4])
    total, count = 0.0, 0
    for b, f, y, x in product(*(range(size) for size in (2, 4, 6, 5))):
        if counted[b, f]:
            weight = 1 + 0.3 * face[b, f, y, x].item() + 0.3 * lips[b, f, y, x].item()
            total += sum(weight * (guess[b, c, f, y, x] - v[b, c, f, y, x]).item() ** 2 for c in range(3))
            count += 3
    error_BF = flow.weighted_errors(guess, v, face, lips)
    found = flow.mean_of_noised(error_BF, counted)
    frames = counted.sum(1)  # of the clips' means, weighed by how many frames each has
    assert ((found * frames).sum() / frames.sum()).item() == pytest.approx(total / count, rel=1e-6)
    assert flow.mean_of_noised(error_BF, counted | True).mean().item() == pytest.approx(
        error_BF.mean().item()
    )
    assert error_BF.mean().item() != pytest.approx(found.mean().item(), rel=1e-3)


@pytest.mark.parametrize(
    ("t", "expert"),
    [
        (0.0, None), (0.001, "texture"), (0.29, "texture"), (0.3, None), (0.35, None), (0.4, None),
        (0.41, "lip"), (0.59, "lip"), (0.6, None), (1.0, None),
    ],
)  # fmt: skip
def test_experts_are_on_where_they_were_trained(t, expert):
    assert flow.expert_at(t) == expert


def test_euler_follows_a_straight_path_to_its_end_and_a_bent_one_step_by_step():
    seen = []

    def straight(z, t):
        seen.append(t)
        return NOISE - Z0

    assert torch.allclose(flow.sample(straight, NOISE, steps=7), Z0)
    assert seen == pytest.approx([5 * s / (1 + 4 * s) for s in (1 - k / 7 for k in range(7))])
    by_hand = NOISE[0, 0, 0, 0, 0].item()
    for k in range(4):
        t, after = (5 * s / (1 + 4 * s) for s in (1 - k / 4, 1 - (k + 1) / 4))
        by_hand += (after - t) * (by_hand * t + 1)
    bent = flow.sample(lambda z, t: z * t + 1, NOISE, steps=4)
    assert bent[0, 0, 0, 0, 0].item() == pytest.approx(by_hand)
    with pytest.raises(ValueError, match="one step or more"):
        flow.sample(straight, NOISE, steps=0)


def test_motion_frames_and_the_border_are_held():
    motion, clip, seen = numbers(5)[:, :, :2], numbers(6), []

    def predict(z, t):
        seen.append((t, z))
        return NOISE * 3

    end = flow.sample(predict, NOISE, steps=3, motion_BCMHW=motion, border_BCFHW=clip)
    for t, z in [*seen, (0.0, end)]:
        assert torch.equal(z[:, :, :2], motion)
        level = min(t, 0.95)
        for f, y, x in product(range(2, 4), range(6), range(5)):
            if y in (0, 5) or x in (0, 4):
                assert torch.allclose(
                    z[..., f, y, x], (1 - level) * clip[..., f, y, x] + level * NOISE[..., f, y, x]
                )
    assert torch.allclose(end[:, :, 2:, 1:-1, 1:-1], (NOISE - NOISE * 3)[:, :, 2:, 1:-1, 1:-1])


def test_guidance_and_its_schedules():
    none, seen, heard = numbers(7), numbers(8), numbers(9)
    expected = [
        a + 1.5 * (b - a) + 4 * (c - b)
        for a, b, c in zip(
            none.flatten().tolist(), seen.flatten().tolist(), heard.flatten().tolist(), strict=True
        )
    ]
    assert flow.guided(torch.cat([none, seen, heard]), 1.5, 4).flatten().tolist() == pytest.approx(expected)
    steady = {1.0: 2.5, 0.86: 2.5, 0.74: 1.5, 0.46: 1.5, 0.34: 0.75, 0.0: 0.75, 0.8: 2.0, 0.4: 1.125}
    for t, scale in steady.items():
        assert flow.reference_scale(t) == pytest.approx(scale)
    for t, above, below, start in ((0.82, 2.5, 1.5, 0.85), (0.37, 1.5, 0.75, 0.45)):
        part = (1 - cos(pi * (start - t) / 0.1)) / 2
        assert flow.reference_scale(t) == pytest.approx(above * (1 - part) + below * part)
    assert flow.audio_scale(0.49) == pytest.approx(10 * 0.343)
    assert flow.audio_scale(exp(-2)) == pytest.approx(10 * exp(-3))
