"""What counts as speech: a voice does, noise and hum don't."""

import numpy as np

from storage.media.container import open_media
from storage.media.decode import decode_audio
from tasks.quality.speech import speech_share, voice_activity
from tests.media_files import DATA, needs_data
from tests.tasks.speaking import RATE, mouth, voice


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
