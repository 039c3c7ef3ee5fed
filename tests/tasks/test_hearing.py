"""What is kept of a clip's sound: Whisper's own features, as long as the picture; and clips without sound."""

import numpy as np
import pytest

from models.audio.packed import span, unpack, unpack_span
from models.audio.whisper import LAST, NORMED, Whisper
from storage.media.encode import encode_flac
from storage.store import Store
from tasks.hearing import Hearing, HearingConfig, HearingInput
from tasks.stage import Rejected

RATE = 16000
pytestmark = pytest.mark.usefixtures("one_thread")


def heard(sound, frames=50, **config):
    stage = Hearing(HearingConfig(**config))
    stage.setup(Store())
    audio = None if sound is None else encode_flac(sound, RATE)
    (result,) = stage([HearingInput("c1", frames, 25.0, audio)])
    assert result.id == "c1"
    return result


def tone(seconds):
    return (0.1 * np.sin(np.arange(round(seconds * RATE)) / 9)).astype(np.float32)


def test_it_keeps_the_last_block_before_its_norm():
    assert HearingConfig().layers == [LAST]
    row = heard(tone(2))
    sound = np.round(tone(2) * 32767).astype(np.int16) / np.float32(32768)  # as 16 bits hold it
    expected_PLD = Whisper("mini:whisper", (LAST,)).features(sound)
    assert (row.positions, row.layers, row.numbers) == expected_PLD.shape
    np.testing.assert_allclose(unpack(row.heard), expected_PLD, rtol=0.01, atol=0.02)
    assert row.loudness == pytest.approx(20 * np.log10(0.1 / np.sqrt(2)), abs=0.05)


def test_features_are_as_long_as_the_picture_whatever_the_sound():
    short, long = heard(tone(1), frames=50), heard(tone(3), frames=50)
    assert short.positions == long.positions == 100
    exact = unpack(heard(np.concatenate([tone(1), np.zeros(RATE, np.float32)]), frames=50).heard)
    np.testing.assert_array_equal(unpack(short.heard), exact)


def test_a_few_positions_are_read_from_their_own_bytes():
    row = heard(tone(2), layers=[NORMED, LAST])
    first, count = span(30, 20, row.layers, row.numbers)
    part_PLD = unpack_span(row.heard[first : first + count], row.layers, row.numbers)
    np.testing.assert_array_equal(part_PLD, unpack(row.heard)[30:50])


@pytest.mark.parametrize("sound", [None, np.zeros(0, np.float32)])
def test_a_clip_without_sound_is_rejected(sound):
    said = heard(sound)
    assert isinstance(said, Rejected)
    assert said.code == "no_sound"


def test_silence_is_heard_and_has_the_least_loudness():
    assert heard(np.zeros(2 * RATE, np.float32)).loudness == -120
