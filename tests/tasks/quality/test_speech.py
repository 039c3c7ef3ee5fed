"""What counts as speech: a voice does, noise and hum don't."""

import numpy as np

from models.weights.digests import digest
from storage.media.container import open_media
from storage.media.decode import decode_audio
from storage.media.encode import encode_flac
from storage.store import Store
from tasks.ingest.track_data import TrackData
from tasks.quality import Quality, QualityConfig, QualityInput
from tasks.quality.sound_scores import sound_scores
from tasks.quality.speech import speech_share, voice_activity
from tests.media_files import DATA, needs_data
from tests.registry_files import SILERO, needs_weights
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


@needs_weights(SILERO / "silero_vad.onnx")
def test_a_network_says_what_is_speech_where_one_is_named():
    reference = str(SILERO / "silero_vad.onnx")
    stage = Quality(QualityConfig(speech_model=reference))
    stage.setup(Store())
    assert stage.weights() == {reference: digest(reference)}
    assert Quality().weights() == {}
    opening = mouth(100)
    sounds = {"buzz": voice(opening), "nothing": np.zeros(4 * RATE, np.float32)}
    for samples in sounds.values():
        heard = sound_scores(row_of(samples), track_of(opening), stage.activity)["speech_share"]
        assert heard == stage.activity.speech_share(samples)
        assert sound_scores(row_of(samples), track_of(opening), None)["speech_share"] == speech_share(
            samples, RATE
        )


def row_of(samples):
    return QualityInput("c1", len(samples) * 25 // RATE, 25.0, b"", encode_flac(samples, RATE), b"")


def track_of(opening):
    zeros = np.zeros((len(opening), 5, 2), np.float32)
    return TrackData(
        zeros, zeros, zeros[:, :3, 0], opening, opening, np.ones(len(opening)), zeros[:, :3, 0], opening
    )
