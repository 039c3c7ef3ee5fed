"""The generator's loss and the optimizers, against values worked out by hand."""

import pytest
import torch

from models.dit import flow
from models.dit.inputs import Motion, generator_input, noised_frames
from tasks.training.average import Average
from tasks.training.chance import chance
from tasks.training.dit import by_noise, channel_deviations, cropped
from tasks.training.generator import Generator
from tasks.training.optimizers import MuonAndAdam, make_optimizer, orthogonal, pace
from tasks.training.recipe import GeneratorRecipe, Optimizer
from tests.tasks.training.toy import ToyWindows, recipe


def test_the_loss_of_a_net_that_predicts_nothing_is_the_weighted_square_of_the_velocity():
    objective, windows = Generator(recipe(motion=0, audio_dropped=0.0)), ToyWindows()
    batch = windows.__getitems__([0, 1])
    chances = [chance(3, 0, place) for place in (0, 1)]
    loss = objective.loss(_Zeros(), batch, chances)
    z0, by_hand = batch["target_BCFHW"], []
    for place in (0, 1):
        drawn = chance(3, 0, place)
        flow.draw_times(1, objective.recipe.alpha, drawn)
        for shape in ((), (), (2,)):
            (torch.rand if shape == () else torch.randn)(shape, generator=drawn)
        noise = torch.randn(z0.shape[1:], generator=drawn)
        by_hand.append(
            ((1 + 1.0) * (noise - z0[place]) ** 2).mean()
        )  # the face is everywhere, the lips nowhere
    assert float(loss.value) == pytest.approx(float(sum(by_hand) / 2), rel=1e-5)


def test_motion_frames_are_in_no_loss():
    z, t = torch.randn(2, 4, 3, 4, 4), torch.tensor([0.5, 0.5])
    motion = Motion(z[:, :, :1], torch.tensor([True, False]))
    sequence = generator_input(z, z, z[:, :, 0], t, torch.randn(2, 3, 4, 6), None, motion)
    error_BF = torch.tensor([[1e6, 1.0, 3.0], [2.0, 2.0, 5.0]])
    mean_B = flow.mean_of_noised(error_BF, noised_frames(sequence))
    assert mean_B.tolist() == [2.0, 3.0]


def test_the_loss_is_told_apart_by_noise_level():
    found = by_noise(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0.1, 0.9, 1.0]))
    assert float(found["loss_t_0-0.25"]) == 1.0
    assert float(found["loss_t_0.75-1"]) == 3.0
    assert found["loss_t_0.25-0.5"].isnan()


def test_a_crop_lies_about_the_mouth_on_whole_patches_and_inside_the_picture():
    batch = dict(ToyWindows().__getitems__([0, 1]))
    shape = (2, 3, 16, 16)
    lips = torch.zeros(shape)
    lips[0, :, 10:12, 4:8], lips[1, :, 15:, 15:] = 1, 1
    rows = torch.arange(16.0)[:, None].expand(16, 16)
    batch |= {
        "lips_BFHW": lips,
        "face_BFHW": rows.expand(shape),
        "target_BCFHW": rows.expand(2, 4, 3, 16, 16),
    }
    batch |= {"masked_BCFHW": batch["target_BCFHW"], "reference_BCHW": batch["target_BCFHW"][:, :, 0]}
    cut = cropped(batch, 8, torch.zeros(2, 2), Generator.cut)
    assert cut["target_BCFHW"].shape == (2, 4, 3, 8, 8)
    first, second = cut["target_BCFHW"][:, 0, 0, 0, 0].tolist()
    assert (first, second) == (6, 8)


def test_noise_levels_lie_near_noise_and_seldom_elsewhere():
    times = torch.cat([flow.draw_times(1, 8.0, chance(0, 0, place)) for place in range(2000)])
    assert float(times.median()) == pytest.approx(8 / 9, abs=0.02)


def test_rates_rise_stay_and_fall_to_zero():
    settings = Optimizer(warmup=4, decay=0.5)
    assert [pace(step, 20, settings) for step in (0, 3, 9, 15, 19)] == pytest.approx([0.25, 1, 1, 0.5, 0.1])


def test_adam_is_adam():
    ours, theirs = (torch.nn.Parameter(torch.linspace(-1, 1, 6)) for _ in range(2))
    settings = Optimizer(weight_decay=0.1)
    one = MuonAndAdam([], [ours], settings)
    other = torch.optim.AdamW([theirs], settings.rate, betas=settings.betas, weight_decay=0.1)
    for step in range(5):
        ours.grad = theirs.grad = torch.sin(torch.arange(6.0) + step)
        one.step()
        other.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shape", [(8, 8), (24, 6), (6, 24)])
def test_muon_steps_along_a_matrix_whose_singular_values_are_about_one(shape):
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape, generator=torch.Generator().manual_seed(1))))
    assert float(values.min()) > 0.5
    assert float(values.max()) < 1.3


def test_muon_takes_the_matrices_of_the_blocks_and_adam_the_rest():
    named = {"blocks.0.ffn.0.weight": (4, 4), "blocks.0.ffn.0.bias": (4,), "head.head.weight": (4, 4)}
    parameters = {name: torch.nn.Parameter(torch.zeros(shape)) for name, shape in named.items()}
    groups = make_optimizer(Optimizer(), parameters.items()).param_groups
    assert [group["muon"] for group in groups] == [True, False]
    assert groups[0]["params"][0] is parameters["blocks.0.ffn.0.weight"]
    assert len(groups[1]["params"]) == 2


def test_the_average_forgets_its_beginning_and_then_keeps_its_decay():
    average = Average(0.9, {"a": torch.zeros(())})
    average.update(0, {"a": torch.ones(())})
    assert float(average.values["a"]) == pytest.approx(0.9)  # keeps (1 + 0) / (10 + 0) of the zeros
    average.update(1000, {"a": torch.zeros(())})
    assert float(average.values["a"]) == pytest.approx(0.81)


def test_an_average_that_looks_every_tenth_step_forgets_as_fast():
    seldom = Average(0.99, {"a": torch.zeros(())}, every=10)
    assert [step for step in range(30) if seldom.due(step)] == [9, 19, 29]
    assert seldom.kept(10_000) == pytest.approx(0.99**10)


def test_averages_are_lent_to_a_net_and_taken_back():
    net = torch.nn.Linear(1, 1, bias=False)
    own = net.weight.item()
    average = Average(0.9, {"weight": torch.full((1, 1), 7.0)})
    with average.put_into(net):
        assert net.weight.item() == 7.0
    assert net.weight.item() == own


def test_the_deviation_of_each_channel_is_measured_on_the_windows():
    windows = ToyWindows(64)
    scale = channel_deviations(windows)
    assert scale.shape == (4,)
    assert torch.allclose(scale, torch.ones(4), atol=0.1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"frames": 24}, "4k \\+ 1"),
        ({"motion": 3}, "leaves nothing"),
        ({"crop": 7}, "even"),
        ({"batch": -1}, "greater than or equal to 1"),
        ({"optimizer": {"rate": float("nan")}}, "finite"),
        ({"stepz": 3}, "Extra inputs"),
    ],
)
def test_a_bad_setting_is_refused_when_the_recipe_is_read(wrong, said):
    with pytest.raises(ValueError, match=said):
        GeneratorRecipe(**({"frames": 9} | wrong))


class _Zeros(torch.nn.Module):
    def forward(self, sequence):
        return torch.zeros_like(sequence.latents_BCFHW[:, :4, sequence.frames[0] :])
