"""Lips beside sound: what fits, what is shifted, what stands still."""

import numpy as np
import pytest

from tasks.ingest.lip_sync import measure_lip_sync
from tests.tasks.speaking import FPS, RATE, mouth, voice


def shifted(samples, frames):
    step = frames * RATE // FPS
    padded = np.concatenate([np.zeros(max(step, 0)), samples, np.zeros(max(-step, 0))])
    return padded[max(-step, 0) :][: len(samples)].astype(np.float32)


@pytest.mark.parametrize("late", [0, 7, 12, -12])
def test_the_lag_is_found_and_named_by_its_sign(late):
    opening = mouth(100)
    fit = measure_lip_sync(opening, shifted(voice(opening), late), FPS, RATE)
    assert abs(fit.lag_frames - late) <= 1
    assert fit.lead > 0.6
    assert fit.strength > 0.2 if late == 0 else fit.strength < 0.2


def test_other_rates_of_frames_change_nothing():
    opening = mouth(200)
    fit = measure_lip_sync(opening[::2], shifted(voice(opening), 12), FPS / 2, RATE)
    assert abs(fit.lag_frames - 6) <= 1


def test_another_mouth_fits_less_and_gaps_are_left_out():
    opening, other = mouth(100), mouth(100, seed=1)
    sound = voice(opening)
    right, wrong = measure_lip_sync(opening, sound, FPS, RATE), measure_lip_sync(other, sound, FPS, RATE)
    assert right.strength - wrong.strength > 0.3
    gappy = opening.copy()
    gappy[30:50] = np.nan
    assert measure_lip_sync(gappy, sound, FPS, RATE).strength == pytest.approx(right.strength, abs=0.15)


def test_nothing_is_claimed_where_there_is_no_evidence():
    still, unknown, short = np.full(100, 0.03), np.full(100, np.nan), mouth(5)
    sound = voice(mouth(100))
    for opening, heard in ((still, sound), (unknown, sound), (mouth(100), 0 * sound), (short, sound[:3200])):
        fit = measure_lip_sync(opening, heard, FPS, RATE)
        assert (fit.strength, fit.lag_frames, fit.lead) == (0, 0, 0)


def test_speech_that_runs_backwards_is_not_in_step():
    for seed in range(4):
        opening = mouth(100, seed)
        sound = voice(opening)
        for lips, heard in ((opening, sound[::-1]), (opening[::-1], sound)):
            assert measure_lip_sync(lips, heard, FPS, RATE).strength < 0.1
        assert measure_lip_sync(opening, sound, FPS, RATE).strength > 0.2
