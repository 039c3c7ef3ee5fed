"""Dubbing by the public checkpoint's recipe: a shrunken random copy of it runs whole."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.dit import experts
from models.dubbing.dub import dub, input_halfway
from models.dubbing.pictures import as_video, encoded
from models.dubbing.request import Settings
from models.dubbing.sampling import edited_clip, guided_velocities

pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = Settings(clip=13, steps=3, seed=5)


@pytest.fixture(scope="module")
def dubbed(parts, video, sound):
    steps = []
    made = dub(parts, video[:20], sound, SHORT, lambda *step: steps.append(step))
    assert (made.left_out, made.error) == (0, 0)
    return made.video_FHWC, steps


def test_a_shrunken_random_copy_dubs_two_clips(parts, video, sound, dubbed):
    made, steps = dubbed
    assert (made.dtype, made.shape) == (np.uint8, (20, 32, 32, 3))
    assert steps == [(step, 6) for step in range(1, 7)]
    assert made[-1].std() > 1
    assert np.array_equal(made, dub(parts, video[:20], sound, SHORT).video_FHWC)
    other = dub(parts, video[:20], sound, replace(SHORT, seed=6)).video_FHWC
    assert np.abs(made.astype(int) - other).mean() > 0.5


def test_what_is_heard_late_changes_the_second_clip_only(parts, video, sound, dubbed):
    """The features are changed, for sound itself is brought to one loudness as a whole."""
    made, _ = dubbed
    heard_PA = parts.audio_features(sound[: 21 * 640])

    def late(given):
        return np.concatenate([heard_PA[:34], heard_PA[34:] + 1])

    changed = dub(replace(parts, audio_features=late), video[:20], sound, SHORT).video_FHWC
    different = np.abs(changed.astype(int) - made).max((1, 2, 3))
    assert not different[:13].any()
    assert different[13:].min() > 0


def test_the_shorter_of_video_and_sound_wins(parts, video, sound):
    one_step = replace(SHORT, steps=1)
    for some, heard, frames in (
        (video, sound[: 7 * 640 + 639], 7),
        (video[:1], sound, 1),
        (video[:14], sound, 14),
    ):
        assert len(dub(parts, some, heard, one_step).video_FHWC) == frames


def clip_of(parts, video, sound):
    reference = encoded(parts, as_video(video[:13]), SHORT)
    generator = torch.Generator().manual_seed(2)
    noise, motion = (torch.randn(reference.shape, generator=generator) for _ in range(2))
    heard = torch.randn(1, 4, 8, 20, generator=generator)
    return reference, heard, noise, motion[:, :, :2]


@torch.inference_mode()
def test_motion_frames_stay_and_the_border_follows_the_reference(parts, video, sound):
    reference, heard, noise, motion = clip_of(parts, video, sound)
    z, _ = edited_clip(parts, reference, heard, noise, SHORT, motion)
    assert torch.equal(z[:, :, :2], motion)
    ring = torch.ones(z.shape[-2:], dtype=torch.bool)
    ring[1:-1, 1:-1] = False
    assert torch.equal(z[:, :, 2:, ring], reference[:, :, 2:, ring])
    assert (z - reference)[:, :, 2:, ~ring].abs().min() > 0
    free, _ = edited_clip(parts, reference, heard, noise, replace(SHORT, border=False), motion)
    assert (free - reference)[:, :, 2:, ring].abs().mean() > 0.1
    other, _ = edited_clip(parts, reference, heard, noise, SHORT, motion * 2)
    assert (other - z)[:, :, 2:, ~ring].abs().mean() > 1e-4


@torch.inference_mode()
def test_the_net_is_told_what_is_clean(parts, video, sound):
    """Motion frames at time 0, all else that is no reference at t; the first of three sees and hears nothing."""
    reference, heard, noise, motion = clip_of(parts, video, sound)
    told = []
    watch = parts.dit.register_forward_pre_hook(lambda _, given: told.append(given[0]))
    for given in (motion, None):
        guided_velocities(parts, noise, 0.75, reference, heard, given, batched=True)
    watch.remove()
    assert [one.frames for one in told] == [(4, 2, 2), (4, 0, 4)]
    assert told[0].times_B3.tolist() == [[0, 0, 0.75]] * 3
    assert torch.equal(told[0].latents_BCFHW[:, :, 4:6], motion.expand(3, -1, -1, -1, -1))
    assert [one.any().item() for one in told[0].latents_BCFHW[:, :, :4]] == [False, True, True]
    assert [one.any().item() for one in told[0].audio_BFNA] == [False, False, True]
    assert torch.equal(told[1].latents_BCFHW[:, :, 4:], noise.expand(3, -1, -1, -1, -1))


@torch.inference_mode()
def test_three_at_once_are_three_one_after_the_other(parts, video, sound):
    reference, heard, noise, motion = clip_of(parts, video, sound)
    once, each = (
        guided_velocities(parts, noise, 0.7, reference, heard, motion, batched) for batched in (True, False)
    )
    assert once.shape == (3, 6, 4, 4, 4)
    torch.testing.assert_close(once, each, atol=1e-5, rtol=1e-4)
    assert (once[0] - once[1]).abs().mean() > 1e-3
    assert (once[1] - once[2]).abs().mean() > 1e-4
    settings = (SHORT, replace(SHORT, batched=False))
    whole = [edited_clip(parts, reference, heard, noise, some, motion)[0] for some in settings]
    torch.testing.assert_close(*whole, atol=1e-4, rtol=1e-3)


def test_float8_is_tried_on_what_the_net_is_shown(parts, video, sound):
    dit = copy.deepcopy(parts.dit)
    given = input_halfway(replace(parts, dit=dit), video, sound, SHORT)
    assert given.latents_BCFHW.shape == (3, 6, 8, 4, 4)
    assert given.times_B3.tolist() == [[0, 0, 0.5]] * 3
    assert [one.any().item() for one in given.latents_BCFHW[:, :, :4]] == [False, True, True]
    assert torch.equal(given.latents_BCFHW[1, :, :4], encoded(parts, as_video(video[:13]), SHORT)[0])


def test_a_video_is_dubbed_without_guidance_by_sight_in_two_passes_a_step(parts, video, sound, dubbed):
    asked, heard_alone = [], replace(SHORT, reference=0.0)
    watch = parts.dit.register_forward_pre_hook(lambda _, given: asked.append(len(given[0].times_B3)))
    made = dub(parts, video[:20], sound, heard_alone).video_FHWC
    watch.remove()
    assert asked == [2] * 6
    assert np.abs(made.astype(int) - dubbed[0]).mean() > 0.5
    assert input_halfway(parts, video, sound, heard_alone).latents_BCFHW.shape == (2, 6, 8, 4, 4)


def test_experts_are_on_at_their_noise_levels_and_off_afterwards(parts, video, sound):
    dit, on = copy.deepcopy(parts.dit), []
    for name in ("lip", "texture"):
        experts.attach(dit, name, rank=2)
    watch = dit.register_forward_pre_hook(
        lambda net, given: on.append((given[0].times_B3[0, 2].item(), experts.active(net)))
    )
    given = (video[:13], sound, replace(SHORT, steps=8, shift=1.0))
    made = dub(replace(parts, dit=dit), *given)
    watch.remove()
    assert [(t, name) for t, name in on if name] == [(0.5, "lip"), (0.25, "texture"), (0.125, "texture")]
    assert len(on) == 8
    assert experts.active(dit) is None
    # They have learnt nothing yet, and so change nothing.
    assert np.array_equal(made.video_FHWC, dub(parts, *given).video_FHWC)
