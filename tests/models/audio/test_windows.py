"""Which part of the sound a frame hears, shown by clicks at the edges of what it should hear."""

import numpy as np
import pytest

from models.audio.whisper import Whisper
from models.audio.windows import (
    RATE,
    frames_of_latents,
    padded_with_silence,
    windows_of_frames,
    windows_of_latents,
)

FEATURES = 64


@pytest.fixture(scope="module")
def whisper():
    return Whisper("mini:whisper", (1,))


def hears_click(whisper, position):
    """(P,): where the sound of one click is heard, by what Whisper is given; a feature is every second column."""
    sound = np.zeros(FEATURES * RATE // 50, np.float32)
    sound[position * RATE // 50] = 1
    loud_P = whisper.mel(sound)[0, :, : 2 * FEATURES : 2].mean(0)
    return loud_P > loud_P.min() + 0.01


@pytest.fixture(scope="module")
def clicks(whisper):
    """A click at each feature in turn: whether it is heard there."""
    return np.stack([hears_click(whisper, position) for position in range(FEATURES)])


def test_a_click_is_heard_at_its_own_time_and_nowhere_else(clicks):
    assert np.array_equal(clicks, np.eye(FEATURES, dtype=bool))


@pytest.mark.parametrize("start", [0, 1, 6, 11])
def test_a_click_is_in_the_windows_of_the_frames_less_than_160_ms_away_and_in_no_others(clicks, start):
    frames = 20
    near_FN = windows_of_frames(start, frames, FEATURES)
    assert near_FN.shape == (frames, 16)
    shown_ms_F = 40 * (start + np.arange(frames))
    for position, heard_P in enumerate(clicks):
        late_ms_F = 20 * position - shown_ms_F
        expected_F = (late_ms_F >= -160) & (late_ms_F < 160)
        assert np.array_equal(heard_P[near_FN].any(1), expected_F), position
        if 0 < position < FEATURES - 1:  # the ends are repeated for what would be beyond them
            assert np.array_equal(heard_P[near_FN].sum(1), expected_F)


@pytest.mark.parametrize("start", [0, 1, 8, 13])
@pytest.mark.parametrize("spread", [0, 1, 2])
def test_a_click_is_in_the_windows_of_the_latents_whose_frames_are_near_it(clicks, start, spread):
    near_TN = windows_of_latents(start, 5, FEATURES, spread)
    assert near_TN.shape == (5, 8 + 4 * spread)
    for position, heard_P in enumerate(clicks):
        frame = position // 2
        first_T = start - 3 + 4 * np.arange(5)
        expected_T = (first_T - spread <= frame) & (frame <= first_T + 3 + spread)
        assert np.array_equal(heard_P[near_TN].any(1), expected_T), position
        if 0 < position < FEATURES - 1:
            assert np.array_equal(heard_P[near_TN].sum(1), expected_T)


def test_the_ends_are_repeated_where_a_window_reaches_over_them():
    near_FN = windows_of_frames(0, 10, 20)
    assert near_FN[0].tolist() == [0] * 8 + list(range(8))
    assert near_FN[9].tolist() == [*range(10, 20), *[19] * 6]
    assert windows_of_latents(0, 3, 17)[0].tolist() == [0] * 11 + [1, 2, 3, 4, 5]
    assert windows_of_latents(0, 3, 17)[2].tolist() == [*range(6, 17), *[16] * 5]


def test_a_clip_hears_what_its_part_of_the_whole_hears():
    assert np.array_equal(windows_of_frames(37, 25, 400), windows_of_frames(0, 100, 400)[37:62])
    assert np.array_equal(windows_of_latents(72, 20, 400), windows_of_latents(0, 38, 400)[18:])


def test_latents_cover_the_frames_that_the_public_editor_says():
    frames_T4 = frames_of_latents(72, 20)
    assert frames_T4[:2].tolist() == [[69, 70, 71, 72], [73, 74, 75, 76]]
    assert frames_T4[-1].tolist() == [145, 146, 147, 148], "the last of 77 frames"


def test_another_frame_rate_hears_the_same_times():
    assert (
        windows_of_frames(0, 31, 60, 2, fps=30.0)[:, 1].tolist() == np.round(np.arange(31) / 30 * 50).tolist()
    )
    assert windows_of_frames(0, 51, 60, 2, fps=50.0)[:, 1].tolist() == list(range(51))


def test_sound_that_ends_before_the_video_is_refused_with_how_far_it_goes():
    for features in range(1, 12):
        enough = (features + 1) // 2
        assert len(windows_of_frames(0, enough, features)) == enough
        with pytest.raises(
            ValueError, match=rf"{features} features.*frame {enough} at.*first {enough} frames"
        ):
            windows_of_frames(0, enough + 1, features)
    with pytest.raises(ValueError, match=r"ends at 0.16 s.*before frame 4 at 0.16 s"):
        windows_of_latents(0, 2, 8)
    with pytest.raises(ValueError, match=r"0 features.*first 0 frames"):
        windows_of_frames(0, 1, 0)


def test_silence_goes_on_where_the_sound_ends(whisper):
    sound = np.full(RATE // 10, 0.1, np.float32)
    longer = padded_with_silence(sound, 25)
    assert np.array_equal(longer[: len(sound)], sound)
    assert not longer[len(sound) :].any()
    heard_PLD = whisper.features(longer)
    assert len(windows_of_frames(0, 25, len(heard_PLD))) == 25
    assert padded_with_silence(longer, 25) is longer


def test_in_silence_no_window_hears_anything(whisper):
    loud_MT = whisper.mel(np.zeros(RATE, np.float32))[0]
    assert np.ptp(loud_MT) == 0
    assert np.isfinite(whisper.features(np.zeros(RATE, np.float32))[windows_of_frames(0, 25, 50)]).all()
