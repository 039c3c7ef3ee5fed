"""Shots: hard cuts are found, and nothing that only looks like one; without any video around them."""

import numpy as np
import pytest

from tasks.ingest.shots import ShotDetector

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
