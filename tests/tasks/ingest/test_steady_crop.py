"""The way of the crop: steady, without a lag, and with the face where it hurries."""

import numpy as np
import pytest

from tasks.ingest.steady_crop import REACH, Place, steady_place

RNG = np.random.default_rng(0)


def places(xs):
    return [None if np.isnan(x) else Place(float(x), 50.0, 40.0) for x in xs]


def test_the_crop_follows_a_steady_way_exactly_even_at_its_ends():
    way = places(10 + 1.5 * np.arange(40))
    for t in (0, 5, 20, 39):
        assert steady_place(way, t).x == pytest.approx(10 + 1.5 * t, abs=1e-6)


def test_slips_of_the_detector_and_short_gaps_leave_no_trace():
    xs = np.full(50, 100.0)
    xs[20], xs[30:36] = 125, np.nan
    found = [steady_place(places(xs), t).x for t in range(50)]
    assert np.abs(np.array(found) - 100).max() < 0.01


def test_trembling_is_smoothed_and_a_dash_followed():
    xs = 100 + RNG.normal(0, 1.0, 80)
    calm = np.array([steady_place(places(xs), t).x for t in range(REACH, 80 - REACH)])
    assert np.abs(np.diff(calm, 2)).max() < 0.25
    dash = 100 + 80 / (1 + np.exp(-(np.arange(60) - 30) / 1.5))
    followed = np.array([steady_place(places(dash), t).x for t in range(60)])
    assert np.abs(followed - dash).max() < 0.2 * 40
