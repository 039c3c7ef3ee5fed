"""Cuts, and the way of the crop, without any video around them."""

import av
import numpy as np
import pytest

from storage.media.convert_frames import PictureConverter
from tasks.footage.jumps import jump, step
from tasks.footage.shots import ShotDetector
from tasks.footage.squares import REACH, Place, smoothed
from tests.footage import Dots, draw

RNG = np.random.default_rng(0)


def scene(seed):
    cells = np.random.default_rng(seed).uniform(40, 200, (3, 9, 16)).astype(np.float32)
    return np.kron(cells, np.ones((1, 4, 4), np.float32))


def cuts(thumbs, held=1):
    detector = ShotDetector()
    found, given = [], []
    for t, thumb in enumerate(thumbs):
        for again in range(held):
            given += list(detector.push(t * held + again, thumb + RNG.normal(0, 0.3, thumb.shape), again > 0))
    given += list(detector.flush())
    assert [item for item, _, _ in given] == list(range(len(thumbs) * held))
    found += [item for item, cut, _ in given if cut]
    return found


def walk(thumb, frames, step):
    return [np.roll(thumb, round(step * t), axis=2) for t in range(frames)]


@pytest.mark.parametrize("held", [1, 3])
def test_hard_cuts_are_found_where_they_are(held):
    thumbs = [scene(1)] * 20 + [scene(2)] * 20 + [scene(3)] * 3 + [scene(4)] * 20
    assert cuts(thumbs, held) == [20 * held, 40 * held, 43 * held]


def test_a_jump_of_the_same_person_on_the_same_set_is_a_cut():
    still = scene(1)
    assert cuts([still] * 30 + [still + scene(2) * 0.06] * 30) == [30]


def test_flashes_pans_gestures_and_stutter_are_none():
    still = scene(1)
    flash = [still] * 20 + [still + 60] + [still + 40] + [still] * 20 + [still + 80] + [still] * 9
    assert cuts(flash) == []
    assert cuts([still] * 10 + walk(still, 50, 2)) == []
    hand = [still.copy() for _ in range(40)]
    hand[20][:, 10:22, 20:36] += 70
    hand[21][:, 12:24, 24:40] += 70
    assert cuts(hand) == []
    slow = walk(still, 30, 0.5)
    assert cuts([t for t in slow for _ in range(2)]) == []


def places(xs):
    return [None if np.isnan(x) else Place(float(x), 50.0, 40.0) for x in xs]


def test_the_crop_follows_a_steady_way_exactly_even_at_its_ends():
    way = places(10 + 1.5 * np.arange(40))
    for t in (0, 5, 20, 39):
        assert smoothed(way, t).x == pytest.approx(10 + 1.5 * t, abs=1e-6)


def test_slips_of_the_detector_and_short_gaps_leave_no_trace():
    xs = np.full(50, 100.0)
    xs[20], xs[30:36] = 125, np.nan
    found = [smoothed(places(xs), t).x for t in range(50)]
    assert np.abs(np.array(found) - 100).max() < 0.01


def test_trembling_is_smoothed_and_a_dash_followed():
    xs = 100 + RNG.normal(0, 1.0, 80)
    calm = np.array([smoothed(places(xs), t).x for t in range(REACH, 80 - REACH)])
    assert np.abs(np.diff(calm, 2)).max() < 0.25
    dash = 100 + 80 / (1 + np.exp(-(np.arange(60) - 30) / 1.5))
    followed = np.array([smoothed(places(dash), t).x for t in range(60)])
    assert np.abs(followed - dash).max() < 0.2 * 40


def filmed(xs):
    """The steps of a drawn face at these places, and the pictures of it."""
    steps, pictures, last = [], {}, None
    for t, x in enumerate(xs):
        rgb = draw((160, 120), [(x, 60, 50)])
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p")
        pictures[t] = PictureConverter(1)(frame)
        shape = Dots().shape(rgb, (x - 30, 30, 60, 60))
        if last is not None:
            steps.append(step(t - 1, t, last, shape))
        last = shape
    return steps, pictures


def found_jump(xs):
    steps, pictures = filmed(xs)
    return [cut.after for t in range(len(steps)) if (cut := jump(steps[: t + 1], pictures))]


def test_a_face_that_is_elsewhere_at_once_was_cut_and_one_that_hurries_was_not():
    sways = 70 + np.sin(np.arange(30) / 3)
    assert found_jump(sways + 9 * (np.arange(30) >= 14)) == [14]
    assert found_jump(70 + 30 / (1 + np.exp(-(np.arange(30) - 15) / 1.2))) == []
    assert found_jump(sways + 9 * (np.arange(30) == 14)) == []


def test_landmarks_that_slip_in_a_picture_that_goes_on_are_no_cut():
    xs = 70 + np.sin(np.arange(30) / 3)
    _, pictures = filmed(xs)
    slipped, _ = filmed(xs + 9 * (np.arange(30) >= 14))
    assert not any(jump(slipped[: t + 1], pictures) for t in range(len(slipped)))
