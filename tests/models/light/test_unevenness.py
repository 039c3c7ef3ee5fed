"""The light on rendered faces, whose lamps are known, is told from pictures alone."""

from functools import cache

import numpy as np

from models.light.unevenness import unevenness
from models.mini.world_clips import make_clip
from tests.models.light.known_light import known_slopes

FRAMES, CLIPS = 25, 80


@cache
def measured_and_known():
    """Across, down, change and score of each clip, and the first three as they are."""
    some_N = np.arange(0, FRAMES, 4)
    measured, known = [], []
    for person in range(CLIPS):
        clip = make_clip(5, 300 + person, FRAMES)
        found = unevenness(clip.rgb_FHWC[some_N], (clip.face_FHW & ~clip.occluder_FHW)[some_N])
        measured.append((found.across, found.down, found.change, found.score))
        known.append(known_slopes(clip, some_N))
    return np.array(measured), np.array(known)


def test_the_score_tells_evenly_from_unevenly_lit_faces():
    """The share of all pairs of an evenly and an unevenly lit clip that it puts in the right order."""
    measured_N4, known_N3 = measured_and_known()
    score_N, truth_N = measured_N4[:, 3], np.hypot(known_N3[:, 0], known_N3[:, 2])
    uneven_N = truth_N > np.median(truth_N)
    right = (score_N[uneven_N][:, None] > score_N[~uneven_N]).mean()
    assert right > 0.93, right


def test_the_side_that_the_light_comes_from_is_known():
    measured_N4, known_N3 = measured_and_known()
    assert np.corrcoef(measured_N4[:, 0], known_N3[:, 0])[0, 1] > 0.96


def test_a_change_over_time_counts():
    rng = np.random.default_rng(0)
    skin_HWC = rng.uniform(80, 120, (1, 64, 64, 1)) * np.array([1, 0.8, 0.7])
    still_NHWC = np.repeat(skin_HWC, 10, axis=0).astype(np.uint8)
    fading_NHWC = (still_NHWC * np.linspace(0.6, 1.6, 10)[:, None, None, None]).astype(np.uint8)
    face_NHW = np.zeros((10, 64, 64), bool)
    face_NHW[:, 12:56, 16:48] = True
    still, fading = (unevenness(rgb_NHWC, face_NHW) for rgb_NHWC in (still_NHWC, fading_NHWC))
    assert still.score < 0.2
    assert fading.score > 0.5
    assert abs(fading.across) < 0.2


def test_where_no_face_is_visible_nothing_is_said():
    assert unevenness(np.zeros((3, 64, 64, 3), np.uint8), np.zeros((3, 64, 64), bool)) is None
    speck_NHW = np.zeros((3, 64, 64), bool)
    speck_NHW[:, 5, 5] = True
    assert unevenness(np.zeros((3, 64, 64, 3), np.uint8), speck_NHW) is None
    black = unevenness(np.zeros((3, 64, 64, 3), np.uint8), np.ones((3, 64, 64), bool))
    assert np.isfinite(black.score)
