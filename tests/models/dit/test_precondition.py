"""What a preconditioned net is shown, and what becomes of its answer; places of references; hearing in order."""

from dataclasses import replace

import pytest
import torch

from models.dit.config import AudioConfig, DitConfig
from models.dit.flow import noised, velocity
from models.dit.inputs import Motion, editor_input, generator_input
from models.dit.net import VideoDit
from models.dit.precondition import scaled_inputs, velocity_from
from models.dit.presets import PRESETS
from models.dit.rope import rotations

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = DitConfig(
    dim=16, layers=1, heads=2, ffn=16, channels=3, audio=AudioConfig(features=6, window=4), text=0,
    preconditioned=True,
)  # fmt: skip
TIMES = torch.tensor([0.1, 0.6], dtype=torch.float64)


def clip(seed, channels=3, frames=4):
    made = torch.Generator().manual_seed(seed)
    return torch.randn(2, channels, frames, 4, 4, generator=made, dtype=torch.float64)


def editing(motion=None):
    return editor_input(clip(0), clip(1), TIMES, None, motion=motion)


@pytest.mark.parametrize("t", [0.05, 0.5, 0.8, 0.99])
def test_with_every_scale_1_skip_and_out_are_what_the_equation_says(t):
    """c_skip = (2t - 1) / (t^2 + (1-t)^2), c_out = 1 / sqrt(t^2 + (1-t)^2)."""
    sequence = replace(editing(), times_B3=torch.tensor([[0, 0, t]] * 2, dtype=torch.float64))
    ones, z = torch.ones(3, dtype=torch.float64), clip(0)
    level = t**2 + (1 - t) ** 2
    assert torch.equal(scaled_inputs(sequence, ones), sequence.latents_BCFHW)
    skipped = velocity_from(sequence, torch.zeros_like(z), ones)
    assert torch.allclose(skipped, (2 * t - 1) / level * z, rtol=1e-12)
    added = velocity_from(sequence, torch.ones_like(z), ones) - skipped
    assert torch.allclose(added, torch.full_like(z, level**-0.5), rtol=1e-12)


@pytest.mark.parametrize("deviation", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_a_net_that_answers_0_gives_the_best_linear_guess_and_leaves_a_rest_of_deviation_1(deviation, t):
    made = torch.Generator().manual_seed(0)
    z0, noise = torch.randn(2, 1, 1, 8, 250, 250, generator=made, dtype=torch.float64)
    z0, t_B = deviation * z0, torch.tensor([t], dtype=torch.float64)
    z, v = noised(z0, noise, t_B), velocity(z0, noise)
    fitted = (z * v).sum() / z.square().sum()
    sequence = editor_input(z, z, t_B, None)
    scale = torch.tensor([deviation], dtype=torch.float64)
    nothing, one = torch.zeros_like(z), torch.ones_like(z)
    guess = velocity_from(sequence, nothing, scale)
    assert (guess - fitted * z).abs().max() < 0.01 * z.abs().max()
    out = (velocity_from(sequence, one, scale) - guess).mean()
    assert float(((v - guess) / out).std()) == pytest.approx(1, abs=0.005)


def test_a_new_net_answers_0_and_so_gives_that_guess():
    torch.manual_seed(0)
    net = VideoDit(SMALL).double()
    net.channel_scale.copy_(torch.tensor([0.5, 1.0, 2.0]))
    sequence = editing()
    expected = velocity_from(sequence, torch.zeros_like(clip(0)), net.channel_scale)
    with torch.inference_mode():
        assert torch.equal(net(sequence), expected)
    assert expected.abs().mean() > 0.1


def test_each_channel_is_scaled_by_its_own_deviation():
    """Two channels of deviations 1 and 1/2 are shown as deep as one another, whatever the noise."""
    scale = torch.tensor([1.0, 0.5, 4.0], dtype=torch.float64)
    made = torch.Generator().manual_seed(0)
    z0, noise = torch.randn(2, 2, 3, 4, 64, 64, generator=made, dtype=torch.float64)
    z0 = z0 * scale[:, None, None, None]
    shown = scaled_inputs(editor_input(noised(z0, noise, TIMES), z0, TIMES, None), scale)
    clean, noisy = shown.split(4, 2)
    assert clean.std((0, 2, 3, 4)).tolist() == pytest.approx([1, 1, 1], abs=0.01)
    for clip_number, t in enumerate(TIMES.tolist()):
        deviations = noisy[clip_number].std((1, 2, 3)).tolist()
        assert deviations == pytest.approx([(t**2 + (1 - t) ** 2) ** 0.5] * 3, abs=0.02)


def test_what_is_clean_is_divided_by_the_deviation():
    """References of editor and generator, masked clips, and motion frames that are kept; not those that are not."""
    scale = torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)
    wide = scale[:, None, None, None]
    motion = Motion(clip(2)[:, :, :2], torch.tensor([True, False]))
    shown = scaled_inputs(editing(motion), scale)
    assert torch.allclose(shown[:, :, :4], clip(1) / wide, rtol=1e-12)
    assert torch.allclose(shown[0, :, 4:6], clip(2)[0, :, :2] / wide, rtol=1e-12)
    t, dropped = float(TIMES[1]), clip(0)[1, :, :2]
    like_one = ((t**2 + (1 - t) ** 2) / (t**2 + ((1 - t) * wide) ** 2)).sqrt()
    assert torch.allclose(shown[1, :, 4:6], dropped * like_one, rtol=1e-12)
    painting = scaled_inputs(generator_input(clip(0), clip(1), clip(3)[:, :, 0], TIMES, None), scale)
    assert torch.allclose(painting[:, :3, 1:], clip(1) / wide, rtol=1e-12)
    assert torch.allclose(painting[:, 3:, 0], clip(3)[:, :, 0] / wide[:, 0], rtol=1e-12)
    assert not painting[:, :3, 0].any()


@pytest.mark.parametrize("name", ["mini", "1b", "wan-1.3b"])
def test_a_window_heard_backwards_is_another_window(name):
    config = shrunk(name)
    heard, backwards = heard_both_ways(config)
    assert (heard - backwards).norm() / heard.norm() > 1e-3


@pytest.mark.parametrize("name", ["mini", "1b", "wan-1.3b"])
def test_without_audio_layers_it_would_be_the_same_for_attention_alone_knows_no_order(name):
    config = shrunk(name)
    heard, backwards = heard_both_ways(replace(config, audio=replace(config.audio, layers=0)))
    assert torch.allclose(heard, backwards, rtol=1e-9)


def shrunk(name):
    """The preset's layout in a few numbers."""
    preset = PRESETS[name]
    audio = replace(preset.audio, features=6, width=8, heads=2)
    sizes = {"dim": 24, "layers": 2, "heads": 2, "ffn": 32, "channels": 3, "frequencies": 16}
    return replace(preset, **sizes, audio=audio, text=min(preset.text, 8), text_tokens=4)


def heard_both_ways(config):
    torch.manual_seed(0)
    net = VideoDit(config).double().requires_grad_(False)
    for parameter in net.parameters():
        parameter.normal_(std=0.3)
    sound = torch.randn(2, 4, 16, 6, dtype=torch.float64)
    text = torch.randn(2, 3, 8, dtype=torch.float64) if config.text else None
    sequence = editor_input(clip(0), clip(1), TIMES, sound, text)
    return net(sequence), net(replace(sequence, audio_BFNA=sound.flip(2)))


def test_with_a_shift_a_larger_picture_keeps_the_places_of_targets_and_their_distance_to_references():
    head, shift = 12, 8

    def table(side, shift):
        cpu = torch.device("cpu")
        turns = rotations(head, 1, 1, side, side, shift, torch.float64, cpu)
        reference, target = torch.view_as_complex(turns).unflatten(0, (2, side, side))
        return target[:4, :4], (reference * target.conj())[:4, :4]

    (small, small_apart), (large, large_apart) = table(4, shift), table(8, shift)
    assert torch.equal(small, large)
    assert torch.allclose(small_apart, large_apart, rtol=1e-12)
    assert torch.allclose(small_apart, small_apart[0, 0].expand_as(small_apart), rtol=1e-12)
    (_, by_size), (_, by_larger_size) = table(4, 0), table(8, 0)
    assert not torch.allclose(by_size, by_larger_size, rtol=1e-3), "without one it grows with the picture"
