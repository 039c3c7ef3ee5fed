"""Voice activity by silero-vad: speech is heard in real speech, and not in silence, noise, hum or tones."""

import av
import numpy as np
import pytest

from models.audio.activity import PIECE, PIECE_S, VoiceActivity
from models.weights.references import ModelError
from tests.media_files import DATA, needs_data
from tests.registry_files import SILERO, needs_weights

MODEL = SILERO / "silero_vad.onnx"
RATE = 16000
needs_silero = needs_weights(MODEL)


@pytest.fixture(scope="module")
def activity():
    return VoiceActivity(str(MODEL))


def speech(name):
    with av.open(str(DATA / name)) as container:
        sampler = av.AudioResampler("flt", "mono", RATE)
        frames = [out for frame in container.decode(audio=0) for out in sampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def others():
    time = np.arange(4 * RATE) / RATE
    random = np.random.default_rng(0)
    return {
        "silence": np.zeros(4 * RATE),
        "noise": random.normal(0, 0.1, 4 * RATE),
        "hum": 0.3 * np.sin(2 * np.pi * 100 * time),
        "chord": sum(0.1 * np.sin(2 * np.pi * f * time) for f in (220, 277.2, 329.6, 440))
        * (0.5 + 0.5 * np.sin(9 * time)),
        "clicks": (np.arange(4 * RATE) % 4000 == 0).astype(float),
    }


@needs_data
@needs_silero
@pytest.mark.parametrize("name", ["audio/echomimic_en.wav", "audio/retalking_1.wav", "clips/bbaf2n.mpg"])
def test_real_speech_is_heard(activity, name):
    sound = speech(name)
    likely_S = activity.probabilities(sound)
    assert len(likely_S) == -(-len(sound) // PIECE)
    assert PIECE_S == 0.032
    assert activity.speech_share(sound) > 0.3  # GRID is silent for half of its three seconds
    assert likely_S.max() > 0.95


@needs_silero
@pytest.mark.parametrize("name", list(others()))
def test_what_is_no_speech_is_not(activity, name):
    assert activity.speech_share(others()[name]) < 0.05


@needs_data
@needs_silero
def test_speech_is_heard_when_it_is_spoken_and_not_before_or_after(activity):
    sound = speech("audio/echomimic_en.wav")[: 2 * RATE]
    quiet = np.random.default_rng(0).normal(0, 1e-3, 2 * RATE)
    likely_S = activity.probabilities(np.concatenate([quiet, sound, quiet]))
    seconds = (np.arange(len(likely_S)) + 0.5) * PIECE_S
    assert likely_S[seconds < 1.9].max() < 0.3
    assert np.median(likely_S[(seconds > 2.2) & (seconds < 3.8)]) > 0.8
    assert likely_S[seconds > 4.5].max() < 0.3


@needs_silero
def test_next_to_nothing_and_numbers_that_are_none(activity):
    assert activity.probabilities(np.zeros(0, np.float32)).shape == (0,)
    assert activity.speech_share(np.zeros(0, np.float32)) == 0.0
    assert activity.probabilities(np.zeros(1, np.float32)).shape == (1,)
    with pytest.raises(ValueError, match="2 of 3 samples"):
        activity.probabilities(np.array([np.nan, 0, np.inf], np.float32))


def test_another_network_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"identity\.onnx is not silero-vad"):
        VoiceActivity("mini:identity")


@needs_silero
def test_a_file_that_is_cut_off_is_named(tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(MODEL.read_bytes()[:100_000])
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        VoiceActivity(str(broken))
