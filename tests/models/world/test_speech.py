"""Speech of the world: the movement is that of a mouth, and the sound follows from it and from the speaker."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from models.world.probe import Plan, probe
from models.world.sound.phones import PAUSE, Phone
from models.world.sound.speech import RATE_HZ, RELEASE, perform, speak
from models.world.sound.voice import SAMPLE_RATE, make_voice, synthesise


def rng(seed=0):
    return np.random.default_rng(seed)


def said(*timed, singing=False):
    """Phones of given lengths, one after the other."""
    ends = np.cumsum([seconds for _, seconds in timed])
    phones = [
        Phone(name, float(end - seconds), float(end), 1.0)
        for (name, seconds), end in zip(timed, ends, strict=True)
    ]
    return perform(tuple(phones), float(ends[-1]), rng(), singing)


def semitones(sound, start, voice):
    """The pitch of the 80 ms around `start`, by its strongest repetition, against the voice's own."""
    fade = np.hanning(1280)
    piece = sound[round((start - 0.04) * SAMPLE_RATE) :][:1280].astype(np.float64) * fade
    lags = np.arange(int(SAMPLE_RATE / voice.pitch / 1.5), int(SAMPLE_RATE / voice.pitch * 1.5))
    alike = [piece[lag:] @ piece[:-lag] / (fade[lag:] @ fade[:-lag]) for lag in lags]
    return 12 * np.log2(SAMPLE_RATE / lags[np.argmax(alike)] / voice.pitch)


@pytest.mark.parametrize("singing", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_lips_stay_in_range_and_shut_when_they_must(seed, singing):
    speech = speak(rng(seed), 7.32, singing=singing)
    opening = speech.track_T6[:, 0]
    assert (speech.track_T6.min(0) >= [0, -1, 0, 0, 0, 0]).all()
    assert speech.track_T6[:, :3].max() <= 1
    assert opening[0] == opening[-1] == 0
    for phone in speech.phones:
        rows = opening[round(phone.start_s * RATE_HZ) : round(phone.end_s * RATE_HZ)]
        assert phone.name not in "mbp" or rows.min() <= 0.05, phone
        assert phone.name != PAUSE or rows.max() <= 0.05, phone
    assert speech.phones[0].start_s == 0
    assert speech.phones[-1].end_s == 7.32
    assert np.abs(np.diff(opening)).max() < 0.35, "the lips jump"
    assert opening.max() > 0.6


def test_a_speaker_pauses_but_not_for_long():
    for seed in range(8):
        speech = speak(rng(seed), 9.0)
        pauses = [phone for phone in speech.phones if phone.name == PAUSE]
        assert 0.08 <= sum(phone.seconds for phone in pauses) / 9 <= 0.15
        assert max(b.start_s - a.end_s for a, b in pairwise(pauses)) <= 3.2


def test_frame_k_shows_the_mouth_at_k_over_fps():
    speech = speak(rng(), 4.0)
    assert np.allclose(speech.mouth(25, 100), speech.track_T6[:400:4, :3], atol=1e-5)
    assert speech.mouth(29.97, 200)[-1, 0] == 0, "after the end the mouth stays shut"


@pytest.mark.parametrize("seconds", [1.0, 3.08, 4.1234])
def test_sound_has_its_length_and_a_sensible_level(seconds):
    speech = speak(rng(1), seconds)
    sound = synthesise(speech, make_voice(rng(2)), rng(3))
    assert (sound.dtype, sound.shape) == (np.float32, (round(seconds * SAMPLE_RATE),))
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= 1
    assert -30 < 20 * np.log10(sound.std()) < -18


def test_the_same_seed_gives_the_same_words_and_sound():
    first, second = (speak(rng(5), 3.0, singing=True) for _ in range(2))
    assert first.words == second.words != speak(rng(6), 3.0, singing=True).words
    voice = make_voice(rng(7))
    assert np.array_equal(synthesise(first, voice, rng(8)), synthesise(second, voice, rng(8)))


def test_a_pause_is_silent_but_for_the_room():
    sound = synthesise(said(("a", 0.4), (PAUSE, 0.6), ("a", 0.4)), make_voice(rng()), rng())
    assert -72 < 20 * np.log10(sound[round(0.55 * SAMPLE_RATE) : round(0.95 * SAMPLE_RATE)].std()) < -58


@pytest.mark.parametrize("seed", range(4))
def test_a_held_vowel_has_the_pitch_of_its_voice(seed):
    voice = make_voice(rng(seed))
    sound = synthesise(said(("a", 1.5)), voice, rng(seed))
    heard = [semitones(sound, at, voice) for at in np.arange(0.2, 1.3, 0.1)]
    assert abs(np.mean(heard)) < voice.pitch_range
    assert np.ptp(heard) < 3 * voice.pitch_range


@pytest.mark.parametrize("seed", range(4))
def test_singing_follows_its_notes(seed):
    voice, song = make_voice(rng(seed)), speak(rng(seed), 6.0, singing=True)
    sound = synthesise(song, voice, rng(seed))
    held = [phone for phone in song.phones if phone.seconds > 0.25 and phone.name != PAUSE]
    middles = np.array([(phone.start_s + phone.end_s) / 2 for phone in held])
    notes = song.notes[np.round(middles * RATE_HZ).astype(int)]
    heard = np.array([semitones(sound, at, voice) for at in middles])
    assert len(set(np.round(notes))) >= 3, "this song can't tell"
    assert np.abs(heard - notes).max() < 0.5, (heard, notes)


def test_a_longer_tract_lowers_all_formants():
    """The long-term spectrum, on a logarithmic axis, shifts by the ratio of the lengths."""
    speech = said(*[(name, 0.3) for name in ("a", "e", "i", "ae", "uh")])
    hz = 400 * 2 ** np.arange(0, 3.5, 0.01)

    def colour(length):
        voice = replace(make_voice(rng(3)), pitch=90.0, pitch_range=2.0, tract_length=length)
        power = np.abs(np.fft.rfft(synthesise(speech, voice, rng(4)))) ** 2
        bins = np.fft.rfftfreq(len(speech.track_T6) * 160 - 160, 1 / SAMPLE_RATE)
        smooth = np.convolve(power, np.hanning(round(300 / bins[1])), "same")
        level = np.log(np.interp(hz, bins, smooth))
        return level - np.polyval(np.polyfit(np.log(hz), level, 1), np.log(hz))

    short, long = colour(0.9), colour(1.1)
    alike = [np.corrcoef(short[steps:], long[: len(long) - steps])[0, 1] for steps in range(80)]
    assert 0.01 * np.argmax(alike) == pytest.approx(np.log2(1.1 / 0.9), abs=0.06)


@pytest.mark.parametrize("plosive", ["p", "b"])
def test_lips_part_when_their_burst_is_heard(plosive):
    speech = said((PAUSE, 0.3), (plosive, 0.2), ("a", 0.4))
    sound = synthesise(speech, make_voice(rng(1)), rng(1)).astype(np.float64)
    high = np.diff(sound[: round(0.5 * SAMPLE_RATE)], 2) ** 2
    energy = np.convolve(high, np.ones(80) / 80, "same")
    burst_s = np.argmax(energy > 0.3 * energy.max()) / SAMPLE_RATE
    opening = speech.mouth(1000, 600)[:, 0]
    parted_s = np.argmax(opening > 0.05) / 1000
    assert burst_s == pytest.approx(0.3 + RELEASE * 0.2, abs=0.02)
    assert parted_s == pytest.approx(burst_s, abs=0.02)


def test_lips_can_be_told_from_the_sound_of_unseen_speakers():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    told = probe(Plan(speakers=80, unseen=16, seconds=3.0, steps=250, batch=8))
    torch.set_num_threads(threads)
    assert min(told.values()) > 0.88, told
