"""Music is told from speech: made music of several kinds, recorded speech, and speech before music."""

import numpy as np
import pytest

from models.world.sound.speech import speak
from models.world.sound.voice import make_voice, synthesise
from storage.media.container import open_media
from storage.media.decode import decode_audio
from tasks.quality.music import beat, music_share
from tasks.verdict import VerdictConfig
from tests.media_files import DATA, needs_data

RATE, SECONDS = 16000, 3.0
LIMITS = VerdictConfig()
SPEECH = (
    "clips/bbaf2n.mpg", "clips/id2_vcd_swwp2s.mpg", "clips/latentsync_demo1.mp4", "clips/lbax4n.mpg", "clips/lbbc2a.mpg",
    "clips/pwij3p.mpg", "clips/retalking_1.mp4", "clips/retalking_5.mp4", "audio/demo1_audio.wav",
    "audio/echomimic_en.wav", "audio/retalking_1.wav",
)  # fmt: skip


def note(semitone, seconds, decay=0.0):
    t = np.arange(int(seconds * RATE)) / RATE
    hz = 440 * 2 ** (semitone / 12)
    ends = np.minimum(1, np.minimum(t, seconds - t) / 0.02)
    return sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 9)) * ends * np.exp(-decay * t)


def chords():
    thirds = [sum(note(root + step, 1.0) for step in (0, 4, 7)) for root in (-21, -16, -14)]
    return np.concatenate(thirds)


def melody():
    steps = np.random.default_rng(0).choice([-9, -7, -5, -4, -2, 0, 2, 3], 10)
    return np.concatenate([note(step, 0.3, decay=1.5) for step in steps])


def drums():
    out, rng = np.zeros(int(SECONDS * RATE)), np.random.default_rng(1)
    t = np.arange(RATE // 4) / RATE
    hits = (np.sin(2 * np.pi * 60 * t), 0.4 * rng.normal(size=len(t)), np.sin(2 * np.pi * 190 * t))
    for k in range(11):
        start = int(0.27 * k * RATE)
        part = out[start : start + len(t)]
        part += (hits[(0, 1, 2, 1)[k % 4]] * np.exp(-18 * t))[: len(part)]
    return out


def plucked():
    """Strings after Karplus and Strong: noise that runs round a loop and is smoothed."""
    out, rng = np.zeros(int(SECONDS * RATE)), np.random.default_rng(2)
    for k, hz in enumerate([131, 165, 196, 262, 330, 392] * 2):
        loop = round(RATE / hz)
        string = rng.uniform(-1, 1, loop)
        rounds = [string]
        for _ in range(RATE // loop):
            string = 0.498 * (string + np.roll(string, 1))
            rounds.append(string)
        part = out[int(0.25 * k * RATE) :]
        sound = np.concatenate(rounds)[: len(part)]
        part[: len(sound)] += sound
    return out


MADE = {"chords": chords, "melody": melody, "drums": drums, "plucked": plucked}


def scores(samples):
    scaled = np.asarray(samples * 0.3 / np.abs(samples).max(), np.float32)
    return music_share(scaled, RATE), beat(scaled, RATE)


def is_music(samples):
    share, pulse = scores(samples)
    return share > LIMITS.max_music_share or pulse > LIMITS.max_beat


def pieces(name):
    with open(DATA / name, "rb") as file, open_media(file) as media:
        samples = decode_audio(media).samples
    size = int(2.9 * RATE)
    return [samples[k : k + size] for k in range(0, len(samples) - size + 1, size)]


@pytest.mark.parametrize("kind", MADE)
def test_made_music_is_music(kind):
    assert is_music(MADE[kind]())
    assert is_music(MADE["melody"]() + MADE["drums"]()[: int(SECONDS * RATE)])


@needs_data
def test_recorded_speech_is_not():
    found = [(name, *scores(piece)) for name in SPEECH for piece in pieces(name)]
    assert len(found) >= 14
    assert max(share for _, share, _ in found) < 0.1, found
    assert max(pulse for _, _, pulse in found) < 0.5, found


@needs_data
def test_quiet_music_behind_a_speaker_is_forgiven_and_loud_music_is_not():
    talk, music = pieces("clips/retalking_1.mp4")[0], chords()[: int(2.9 * RATE)]
    level = np.sqrt((talk**2).mean() / (music**2).mean())
    assert not is_music(talk + 0.03 * level * music)
    assert is_music(talk + 2 * level * music)


def test_the_worlds_voices_are_not():
    rng = np.random.default_rng(3)
    for _ in range(4):
        assert not is_music(synthesise(speak(rng, SECONDS), make_voice(rng), rng))


def test_noise_hum_and_nothing_are_answered():
    rng = np.random.default_rng(4)
    assert not is_music(rng.normal(size=int(SECONDS * RATE)))
    assert music_share(np.full(RATE, 0.1, np.float32), RATE) == 0
    for length in (0, 10, 1000, int(SECONDS * RATE)):
        silence = np.zeros(length, np.float32)
        assert (music_share(silence, RATE), beat(silence, RATE)) == (0, 0)
    assert beat(drums()[: 2 * RATE].astype(np.float32), RATE) == 0, "two seconds are too few to count in"
    hum = np.sin(2 * np.pi * 440 * np.arange(3 * RATE) / RATE)
    assert scores(hum)[0] > 0.8
