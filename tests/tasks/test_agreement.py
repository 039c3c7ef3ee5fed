"""Lips beside sound: what fits, what is shifted, what stands still; and what counts as speech."""

import numpy as np
import pytest

from storage.media.container import open_media
from storage.media.decode import decode_audio
from tasks.footage.agreement import agree
from tasks.footage.speech import speech_share, voice_activity
from tests.media_files import DATA, needs_data

RATE, FPS = 16000, 25


def mouth(frames, seed=0):
    """Syllables of uneven length, open and shut in turn, as shares of a face's size."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(2, 6, frames))
    heights = np.where(np.arange(frames) % 2, rng.uniform(0.04, 0.1, frames), 0.005)
    return np.interp(np.arange(frames), times, heights)


def voice(opening, seed=0):
    """A buzz with harmonics and a little room noise, as loud as the mouth is open."""
    rng = np.random.default_rng(seed)
    t = np.arange(len(opening) * RATE // FPS) / RATE
    loud = np.interp(t * FPS - 0.5, np.arange(len(opening)), opening) / 0.1
    buzz = sum(np.sin(2 * np.pi * 130 * k * t) / k for k in range(1, 40))
    return (0.2 * loud**2 * buzz + 0.001 * rng.normal(size=len(t))).astype(np.float32)


def shifted(samples, frames):
    step = frames * RATE // FPS
    padded = np.concatenate([np.zeros(max(step, 0)), samples, np.zeros(max(-step, 0))])
    return padded[max(-step, 0) :][: len(samples)].astype(np.float32)


@pytest.mark.parametrize("late", [0, 7, 12, -12])
def test_the_lag_is_found_and_named_by_its_sign(late):
    opening = mouth(100)
    fit = agree(opening, shifted(voice(opening), late), FPS, RATE)
    assert abs(fit.lag_frames - late) <= 1
    assert fit.lead > 0.6
    assert fit.strength > 0.2 if late == 0 else fit.strength < 0.2


def test_other_rates_of_frames_change_nothing():
    opening = mouth(200)
    fit = agree(opening[::2], shifted(voice(opening), 12), FPS / 2, RATE)
    assert abs(fit.lag_frames - 6) <= 1


def test_another_mouth_fits_less_and_gaps_are_left_out():
    opening, other = mouth(100), mouth(100, seed=1)
    sound = voice(opening)
    right, wrong = agree(opening, sound, FPS, RATE), agree(other, sound, FPS, RATE)
    assert right.strength - wrong.strength > 0.3
    gappy = opening.copy()
    gappy[30:50] = np.nan
    assert agree(gappy, sound, FPS, RATE).strength == pytest.approx(right.strength, abs=0.15)


def test_nothing_is_claimed_where_there_is_no_evidence():
    still, unknown, short = np.full(100, 0.03), np.full(100, np.nan), mouth(5)
    sound = voice(mouth(100))
    for opening, heard in ((still, sound), (unknown, sound), (mouth(100), 0 * sound), (short, sound[:3200])):
        fit = agree(opening, heard, FPS, RATE)
        assert (fit.strength, fit.lag_frames, fit.lead) == (0, 0, 0)


def test_a_voice_is_speech_and_noise_and_hum_are_not():
    rng = np.random.default_rng(0)
    t = np.arange(4 * RATE) / RATE
    noise = 0.1 * rng.normal(size=len(t))
    gusts = noise * (1 + np.sin(2 * np.pi * 2 * t))
    rumble = np.cumsum(noise) * 0.02
    for samples in (noise, gusts, rumble, 0.3 * np.sin(2 * np.pi * 100 * t), np.zeros(len(t)), noise[:0]):
        assert speech_share(samples.astype(np.float32), RATE) < 0.1
    opening = mouth(100)
    opening[50:] = 0
    speaking = voice_activity(voice(opening), RATE)
    assert speaking[10:90].mean() > 0.6
    assert speaking[115:].mean() == 0


@needs_data
def test_recorded_speech_is_speech():
    for name in ("clips/bbaf2n.mpg", "clips/retalking_1.mp4", "audio/echomimic_en.wav"):
        with open(DATA / name, "rb") as file, open_media(file) as media:
            assert 0.3 < speech_share(decode_audio(media).samples, RATE) < 0.95, name
