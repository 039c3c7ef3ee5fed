"""Dubbing by the public checkpoint's recipe: a shrunken random copy of it runs whole, and one that changes nothing
gives back what it was shown, over every join."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan

from models.audio.wav2vec import WhisperAndWav2Vec
from models.audio.windows import RATE
from models.dit import experts
from models.dit.checkpoint import load
from models.dit.config import AudioConfig, DitConfig
from models.dit.net import VideoDit
from models.dit.presets import on_meta
from models.dubbing.dub import dub, ending, input_halfway, joined, there_and_back
from models.dubbing.pictures import as_video, encoded, matched
from models.dubbing.request import Networks, Settings, frames_to_either_side
from models.dubbing.sampling import edited_clip, guided_velocities
from models.mini.vae.measure import load as load_vae
from models.weights.pretrained import load as load_pretrained
from tests.models.dubbing.small_xdub import SMALL, save_xdub

pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = Settings(clip=13, steps=3, seed=5)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """All of it random, saved as the public files are, and loaded as they would be."""
    files = save_xdub(tmp_path_factory.mktemp("parts"))
    ears = WhisperAndWav2Vec(str(files.whisper), str(files.wav2vec))
    vae = load_pretrained(AutoencoderKLWan, files.vae)
    return Networks(load(files.model, SMALL), vae, ears.features, torch.randn(1, SMALL.text))


@pytest.fixture(scope="module")
def video():
    return np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def sound():
    return np.random.default_rng(1).normal(0, 0.1, 2 * RATE).astype(np.float32)


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


class Copying(VideoDit):
    """What it would take to change nothing: the velocity that leads from what is there to the reference."""

    def __init__(self, colour=1.0):
        audio = AudioConfig(features=4, window=16)
        super().__init__(DitConfig(dim=12, layers=0, heads=2, ffn=8, channels=24, audio=audio, text=0))
        self.colour = colour

    def forward(self, sequence):
        count = sequence.frames[0]
        seen = sequence.latents_BCFHW[-1:, :, :count] * self.colour
        t = sequence.times_B3[:, 2].view(-1, 1, 1, 1, 1)
        return (sequence.latents_BCFHW[:, :, count:] - seen) / t


def moving(frames):
    """Waves that run across a 32x32 picture, slowly enough for the mini VAE: 30 dB."""
    y, x = np.mgrid[:32, :32] / 32
    f = np.arange(frames)[:, None, None]
    waves = [np.sin(2 * np.pi * (x - f / 25) + 2), np.cos(2 * np.pi * (y + f / 33)), np.sin(f / 15) + 0 * x]
    return np.stack([120 + 60 * wave for wave in waves], -1).astype(np.uint8)


def decibels(made, video):
    error = (made.astype(float) - video).reshape(len(made), -1)
    return -10 * np.log10((error**2).mean(1) / 255**2)


def test_steps_that_can_be_guessed_are_left_out(sound):
    """The way of a net that copies is straight: every other step can be left out, but the first two and the last."""
    video, vae = moving(18), load_vae("mini:vae")
    parts = Networks(Copying().eval(), vae, lambda given: np.zeros((len(given) // 320, 4), np.float32))
    steps, settings = [], replace(SHORT, steps=9, border=False)
    whole = dub(parts, video, sound, settings)
    saved = dub(parts, video, sound, replace(settings, reuse=0.01), lambda *step: steps.append(step))
    assert steps == [(step, 18) for step in range(1, 19)]
    assert (whole.left_out, saved.left_out) == (0, 2 * 3)
    assert 0 < saved.error < 1e-4
    assert np.abs(saved.video_FHWC.astype(int) - whole.video_FHWC).max() <= 1


@pytest.mark.parametrize("frames", [9, 31])
def test_a_net_that_changes_nothing_gives_back_the_video_over_all_joins(sound, frames):
    video, vae = moving(frames), load_vae("mini:vae")
    parts = Networks(Copying().eval(), vae, lambda given: np.zeros((len(given) // 320, 4), np.float32))
    made = dub(parts, video, sound, replace(SHORT, border=False)).video_FHWC
    own = decibels(made, video)
    assert own.min() > 28
    for late, early in ((made[1:], video[:-1]), (made[:-1], video[1:])):
        assert own.mean() > decibels(late, early).mean() + 2, (
            "a frame too late or too early would have passed"
        )


def test_colours_do_not_drift_from_clip_to_clip(sound, monkeypatch):
    video, vae = moving(31), load_vae("mini:vae")
    parts = Networks(Copying(1.05).eval(), vae, lambda given: np.zeros((len(given) // 320, 4), np.float32))
    clip = video[:13]
    z, wanted = encoded(parts, as_video(clip), SHORT) * 1.05, encoded(parts, as_video(clip[-5:]), SHORT)

    def off():
        made = dub(parts, video, sound, replace(SHORT, border=False)).video_FHWC
        with torch.inference_mode():
            tone = (ending(parts, z, clip, SHORT) - wanted).mean((3, 4))
        return tone.abs().mean(), np.abs((made.astype(float) - video).mean((1, 2))).max()

    tone, colours = off()
    monkeypatch.setattr("models.dubbing.dub.matched", lambda made_CHW, reference_CHW: made_CHW)
    drifted_tone, drifted_colours = off()
    assert tone < 0.7 * drifted_tone
    assert colours < 1 < 5 < drifted_colours


def test_colours_are_matched_to_what_was_not_meant_to_change():
    torch.manual_seed(0)
    reference = 0.3 + 0.4 * torch.rand(3, 40, 30)
    made = reference * torch.tensor([0.95, 1, 1.05]).view(3, 1, 1) + 0.01
    made[:, 25:35, 5:25] = 0.9
    fixed = matched(made, reference)
    assert (fixed - reference)[:, :25].abs().max() < 0.004
    assert fixed[:, 25:35, 5:25].mean() == pytest.approx(0.9, abs=0.03)
    another = torch.rand(3, 40, 30)
    assert torch.equal(matched(another, reference), another)
    flat = torch.full((3, 8, 8), 0.5)
    assert matched(flat + 0.02, flat).sub(flat).abs().max() < 1e-6


def test_clips_join_at_the_latents_they_share():
    before = torch.arange(4.0).view(1, 1, 4, 1, 1).expand(1, 2, 4, 1, 1)
    after = before + 100
    assert joined(before, after, 2)[0, 0].flatten().tolist() == [0, 1, 2, 52, 102, 103]
    assert joined(before, after, 1)[0, 0].flatten().tolist() == [0, 1, 2, 3, 101, 102, 103]
    assert joined(before, after, 3)[0, 0].flatten().tolist() == [0, 1, 51.5, 52.5, 103]


def test_counts_of_clips_and_frames():
    assert there_and_back(4, 9).tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert there_and_back(1, 3).tolist() == [0, 0, 0]
    assert there_and_back(9, 5).tolist() == [0, 1, 2, 3, 4]
    assert [Settings().clips(frames) for frames in (1, 77, 78, 149, 150)] == [1, 1, 2, 2, 3]
    assert [frames_to_either_side(window) for window in (8, 12, 16)] == [0, 1, 2]


def never(given):
    raise AssertionError("work was done before the input was looked at")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"video": np.zeros((9, 32, 24, 3), np.uint8)}, "divide by 16 .*, not 32x24"),
        ({"video": np.zeros((0, 32, 32, 3), np.uint8)}, r"uint8 \(0, 32, 32, 3\)"),
        ({"video": np.zeros((9, 32, 32, 3))}, "float64 .*, not uint8"),
        ({"sound": np.full(2559, 0.1)}, r"lasts 0\.160 s, .* 0\.16 s at once"),
        ({"sound": np.array([0.1] * 4000 + [np.nan])}, "1 of 4001 samples"),
        ({"sound": np.zeros(RATE)}, r"silent throughout.*silence=True"),
        ({"sound": np.full((2, RATE), 0.1)}, "one row of floats"),
        ({"sound": np.full(RATE, 1000, np.int16)}, "one row of floats"),
        ({"prompt_LX": None}, "give its embedding"),
        ({"prompt_LX": torch.zeros(5, 8)}, "1 to 4 tokens, 8 numbers"),
        ({"prompt_LX": torch.full((1, 8), torch.nan)}, "prompt holds NaN"),
        ({"dit": on_meta(replace(SMALL, channels=5))}, "5 channels, and the VAE makes 6"),
        ({"dit": on_meta(replace(SMALL, stacked=2))}, "needs an editor"),
        ({"dit": on_meta(replace(SMALL, text=0))}, "reads no text"),
        ({"dit": on_meta(replace(SMALL, audio=replace(SMALL.audio, window=10)))}, "window of 10 features"),
    ],
)
def test_bad_input_is_refused_before_any_work(parts, video, sound, changes, message):
    given = {"video": video, "sound": sound} | changes
    video, sound = given.pop("video"), given.pop("sound")
    with pytest.raises(ValueError, match=message):
        dub(replace(parts, audio_features=never, **given), video, sound, SHORT)


@pytest.mark.parametrize(("settings", "message"), [
    ({"clip": 76}, "4k.1 frames .* not 76"), ({"motion": 4}, "not 4"), ({"clip": 5}, "leave nothing of a clip of 5"),
    ({"reuse": 1.0}, "below 1, not 1.0"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Settings(**settings)


def test_what_goes_wrong_on_the_way_is_said(parts, video, sound):
    quiet = dub(parts, video[:3], np.zeros(RATE), replace(SHORT, steps=1, silence=True))
    assert len(quiet.video_FHWC) == 3
    for heard, message in (
        (np.zeros((99, 7)), r"\(99, 7\).*\(features, 20\)"),
        (np.full((99, 20), np.inf), "NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            dub(replace(parts, audio_features=lambda given, heard=heard: heard), video, sound, SHORT)
    broken = load_broken(parts.dit)
    with pytest.raises(ValueError, match="hold NaN"):
        dub(replace(parts, dit=broken), video, sound, SHORT)


def load_broken(dit):
    broken = VideoDit(dit.config)
    broken.load_state_dict(
        {key: one + torch.nan * (key == "head.head.bias") for key, one in dit.state_dict().items()}
    )
    return broken.eval()
