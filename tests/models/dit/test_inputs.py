"""What generator and editor are shown, and what they can't see."""

from dataclasses import replace

import pytest
import torch

from models.dit.config import AudioConfig, DitConfig
from models.dit.flow import sample
from models.dit.inputs import (
    Motion,
    batched,
    editor_input,
    generator_input,
    grey_where_masked,
    guidance_batch,
    noised_frames,
)
from models.dit.net import VideoDit
from models.mini.vae.measure import load as load_vae
from models.vae import encode, normalised

GENERATOR = DitConfig(
    dim=16, layers=2, heads=2, ffn=20, channels=3, audio=AudioConfig(features=5, window=4), text=0, stacked=2
)
TIMES = torch.tensor([0.25, 0.75])


def clip(seed, frames=4):
    torch.manual_seed(seed)
    return torch.randn(2, 3, frames, 4, 4)


def test_the_generator_is_shown_masked_and_noised_latents_and_one_frame():
    noised, masked, person = clip(0), clip(1), clip(2)[:, :, 0]
    sequence = generator_input(noised, masked, person, TIMES, None)
    assert sequence.frames == (1, 0, 4)
    assert torch.equal(sequence.latents_BCFHW[:, :, 1:], torch.cat([masked, noised], 1))
    assert not sequence.latents_BCFHW[:, :3, 0].any()
    assert torch.equal(sequence.latents_BCFHW[:, 3:, 0], person)
    assert sequence.times_B3[:, [0, 2]].tolist() == [[0, 0.25], [0, 0.75]]


def test_the_editor_is_shown_the_whole_companion_first():
    noised, companion = clip(0), clip(1)
    assert torch.equal(
        editor_input(noised, companion, TIMES, None).latents_BCFHW, torch.cat([companion, noised], 2)
    )
    over = editor_input(noised, companion, TIMES, None, over=True)
    assert over.frames == (0, 0, 4)
    assert torch.equal(over.latents_BCFHW, torch.cat([companion, noised], 1))


def test_motion_frames_are_clean_at_time_0_unless_dropped():
    noised, before = clip(0), clip(3)[:, :, :2]
    sequence = editor_input(noised, clip(1), TIMES, None, motion=Motion(before, torch.tensor([True, False])))
    target = sequence.latents_BCFHW[:, :, 4:]
    assert sequence.frames == (4, 2, 2)
    assert sequence.times_B3.tolist() == [[0, 0, 0.25], [0, 0.75, 0.75]]
    assert torch.equal(target[0], torch.cat([before[0], noised[0, :, 2:]], 1))
    assert torch.equal(target[1], noised[1])
    assert noised_frames(sequence).tolist() == [[False, False, True, True], [True] * 4]
    assert editor_input(noised, clip(1), TIMES, None, motion=Motion(before)).times_B3[:, 1].tolist() == [0, 0]


def test_a_dropped_motion_is_as_if_there_had_been_none():
    torch.manual_seed(0)
    net = VideoDit(replace(GENERATOR, stacked=1)).double()
    torch.nn.init.normal_(net.head.head.weight)
    noised, companion, times = clip(0).double(), clip(1).double(), TIMES.double()
    dropped = Motion(clip(3).double()[:, :, :2], torch.tensor([False, False]))
    with torch.inference_mode():
        with_none = net(editor_input(noised, companion, times, None))
        assert torch.allclose(net(editor_input(noised, companion, times, None, motion=dropped)), with_none)
        kept = replace(dropped, kept_B=None)
        assert not torch.allclose(net(editor_input(noised, companion, times, None, motion=kept)), with_none)


def test_the_generator_cannot_see_the_mouth():
    """From pixels: masked, encoded by a VAE, and sampled from noise. Exactly nothing, not little."""
    torch.manual_seed(0)
    net = VideoDit(replace(GENERATOR, channels=24)).requires_grad_(False)
    for tensor in net.state_dict().values():
        tensor.normal_(std=0.3)
    vae = load_vae("mini:vae")
    video = (torch.rand(2, 3, 9, 16, 16) * 2 - 1).requires_grad_()
    inpaint = torch.zeros(2, 9, 16, 16, dtype=torch.bool)
    for frame in range(9):
        inpaint[:, frame, 4 + frame // 2 : 13, 3:11] = True
    masked = normalised(vae, encode(vae, grey_where_masked(video, inpaint)))
    assert masked.shape == (2, 24, 3, 4, 4)
    sound, person = torch.randn(2, 3, 4, 5), torch.randn(2, 24, 4, 4)

    def predict(z, t):
        return net(generator_input(z, masked, person, torch.full((2,), t), sound))

    sample(predict, torch.randn(2, 24, 3, 4, 4), steps=2).square().sum().backward()
    assert video.grad is not None
    hidden = inpaint[:, None].expand_as(video)
    assert not video.grad[hidden].any()
    assert video.grad[~hidden].all()


def test_guidance_sees_nothing_then_the_reference_then_hears_as_well():
    noised, companion, sound = clip(0), clip(1), torch.randn(2, 4, 4, 5)
    batch = guidance_batch(lambda seen, heard: editor_input(noised, seen, TIMES, heard), companion, sound)
    none, seen, heard = batch.latents_BCFHW[:, :, :4].split(2)
    assert not none.any()
    assert torch.equal(seen, companion)
    assert torch.equal(heard, companion)
    assert batch.audio_BFNA is not None
    assert not batch.audio_BFNA[:4].any()
    assert torch.equal(batch.audio_BFNA[4:], sound)
    assert torch.equal(batch.latents_BCFHW[:, :, 4:], torch.cat([noised] * 3))
    assert batched([editor_input(noised, companion, TIMES, None)] * 2).audio_BFNA is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"noised": clip(0) * torch.nan}, "latents hold NaN"),
        ({"sound": torch.full((2, 4, 4, 5), torch.inf)}, "audio features hold NaN or infinite"),
        ({"times": torch.tensor([0.5, 500])}, r"0 \(clean\) to 1"),
        ({"times": torch.tensor([0.5, torch.nan])}, r"0 \(clean\) to 1"),
        ({"times": torch.tensor([0.5])}, "1 times for 2 clips"),
        ({"companion": clip(1, frames=3)}, r"the companion is \(2, 3, 3, 4, 4\)"),
        ({"motion": Motion(clip(3))}, "4 motion frames of 4 leave nothing"),
        ({"motion": Motion(clip(3)[:1, :, :2])}, "the motion frames"),
    ],
)
def test_what_would_spoil_a_run_is_refused_before_it(change, says):
    given = {"noised": clip(0), "companion": clip(1), "times": TIMES, "sound": None, "motion": None} | change
    with pytest.raises(ValueError, match=says):
        editor_input(
            given["noised"], given["companion"], given["times"], given["sound"], motion=given["motion"]
        )
