"""Clips join without a trace: a net that changes nothing gives back the video it was shown, over every join."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.dit.config import AudioConfig, DitConfig
from models.dit.net import VideoDit
from models.dubbing.dub import dub, ending, joined, there_and_back
from models.dubbing.pictures import as_video, encoded, matched
from models.dubbing.request import Networks, Settings, frames_to_either_side
from models.mini.vae.measure import load as load_vae

pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = Settings(clip=13, steps=3, seed=5)


class Copying(VideoDit):
    """What it would take to change nothing: the velocity that leads from what is there to the reference."""

    def __init__(self, colour=1.0):
        audio = AudioConfig(features=4, window=16)
        super().__init__(DitConfig(dim=12, layers=1, heads=2, ffn=8, channels=24, audio=audio, text=0))
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
