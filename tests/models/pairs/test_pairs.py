"""The measures of pairs over made-up arrays: what each answers where the answer is known."""

import numpy as np
import pytest

from models.faces.identity import TEMPLATE_52
from models.faces.warp import apply, turned_square
from models.pairs.kept_pixels import MOST_DB, psnr_within
from models.pairs.mouth_distance import mouth_distances, template_scale, without_noise
from models.pairs.over_time import colour_drift, flicker, seam
from models.pairs.resemblance import resemblances

MOUTH, STEADY = (3, 4), (0, 1, 2)
FRAMES = 40
ALL_FHW = np.ones((FRAMES, 8, 8), bool)


def noisy(level=100.0, rng=None):
    rng = rng or np.random.default_rng(3)
    return np.clip(rng.normal(level, 4, (FRAMES, 8, 8, 3)), 0, 255).round().astype(np.uint8)


# -- lips ----------------------------------------------------------------------------------------------


def distance(one_52, other_52):
    (apart,) = mouth_distances(one_52[None], other_52[None], one_52[None], MOUTH, STEADY)
    return apart


def test_a_mouth_that_moves_by_a_pixel_of_the_template_is_one_apart():
    moved_52 = TEMPLATE_52.copy()
    moved_52[3:] += (0.6, 0.8)
    assert distance(TEMPLATE_52, moved_52) == pytest.approx(1.0)


def test_the_unit_is_the_templates_whatever_the_size_and_turn_of_the_picture():
    moved_52 = TEMPLATE_52.copy()
    moved_52[3:] += (0.6, 0.8)
    view_23 = turned_square((30.0, 40.0), 7.5, 25.0, 20)
    assert distance(apply(view_23, TEMPLATE_52), apply(view_23, moved_52)) == pytest.approx(1.0)
    assert template_scale(apply(view_23, TEMPLATE_52)) == pytest.approx(20 / 7.5)


def test_a_head_that_is_elsewhere_is_no_other_mouth():
    view_23 = turned_square((30.0, 40.0), 7.5, 25.0, 20)
    assert distance(TEMPLATE_52, apply(view_23, TEMPLATE_52)) == pytest.approx(0.0, abs=1e-9)


def test_an_open_mouth_pulls_nothing():
    """Fitted to all five points, the face would be turned and shrunk by a part of what is measured."""
    moved_52 = TEMPLATE_52.copy()
    moved_52[3:] += (0.0, 12.0)
    assert distance(TEMPLATE_52, moved_52) == pytest.approx(12.0)


def test_frames_without_a_face_say_nothing_and_lengths_must_agree():
    faces_352 = np.stack([TEMPLATE_52] * 3)
    lost_352 = faces_352.copy()
    lost_352[1] = np.nan
    np.testing.assert_array_equal(
        np.isnan(mouth_distances(faces_352, lost_352, faces_352, MOUTH, STEADY)), [False, True, False]
    )
    with pytest.raises(ValueError, match="as many on as many frames"):
        mouth_distances(faces_352, faces_352[:2], faces_352, MOUTH, STEADY)


def test_noise_is_taken_away_in_squares_and_leaves_nothing_below_zero():
    assert without_noise(5.0, 3.0) == pytest.approx(4.0)
    assert without_noise(0.5, 0.6) == 0.0


# -- pixels that stay ----------------------------------------------------------------------------------


def test_equal_pixels_have_a_finite_number_and_no_pixel_has_none():
    rgb_FHWC = noisy()
    assert psnr_within(rgb_FHWC, rgb_FHWC, ALL_FHW) == MOST_DB
    assert psnr_within(rgb_FHWC, rgb_FHWC, ~ALL_FHW) is None


def test_only_the_part_counts():
    one, part = noisy(), ALL_FHW.copy()
    other = one.copy()
    other[:, :4] += 10
    part[:, :4] = False
    assert psnr_within(one, other, part) == MOST_DB
    assert psnr_within(one, other, ~part) == pytest.approx(20 * np.log10(255 / 10))
    with pytest.raises(ValueError, match="equally long and large"):
        psnr_within(one, other[1:], part)


# -- over time -----------------------------------------------------------------------------------------


def test_a_leap_where_segments_meet_is_a_seam_and_elsewhere_is_none():
    rgb_FHWC = noisy()
    assert seam(rgb_FHWC, ALL_FHW, [25]) == pytest.approx(1.0, abs=0.1)
    leaping = rgb_FHWC.copy()
    leaping[25:] += 30
    assert seam(leaping, ALL_FHW, [25]) > 4
    assert seam(leaping, ALL_FHW, [20]) < 1.1
    assert seam(leaping, ALL_FHW, []) is None
    assert seam(leaping, ~ALL_FHW, [25]) is None


def test_only_the_painted_part_is_looked_at():
    rgb_FHWC, painted_FHW = noisy(), ALL_FHW.copy()
    painted_FHW[:, :4] = False
    leaping = rgb_FHWC.copy()
    leaping[25:, :4] += 30
    assert seam(leaping, painted_FHW, [25]) == seam(rgb_FHWC, painted_FHW, [25])


def test_flicker_is_beside_the_clips_own():
    rgb_FHWC = noisy()
    flickering = rgb_FHWC.copy()
    flickering[::2] += 20
    assert flicker(rgb_FHWC, rgb_FHWC, ALL_FHW) == 1.0
    assert flicker(flickering, rgb_FHWC, ALL_FHW) > 2
    assert np.isfinite(flicker(flickering, np.full_like(rgb_FHWC, 7), ALL_FHW)), "a clip that stands still"
    assert flicker(rgb_FHWC, rgb_FHWC, ~ALL_FHW) is None


def test_a_colour_that_drifts_is_measured_in_grey_levels_and_one_that_is_merely_off_is_none():
    rgb_FHWC = noisy()
    drifting = rgb_FHWC.copy()
    drifting[..., 0] += np.linspace(0, 40, FRAMES).astype(np.uint8)[:, None, None]
    assert colour_drift(drifting, rgb_FHWC, ALL_FHW) == pytest.approx(30, abs=1.0)
    assert colour_drift(rgb_FHWC + 9, rgb_FHWC, ALL_FHW) == pytest.approx(0, abs=0.01)
    painted_FHW = ALL_FHW.copy()
    painted_FHW[-12:] = False
    assert colour_drift(drifting, rgb_FHWC, painted_FHW) is None


# -- who it is -----------------------------------------------------------------------------------------


class MeanColour:
    """Tells pictures apart by their colour."""

    def embed(self, rgb_HWC, five_52):
        assert np.isfinite(five_52).all()
        colour_3 = rgb_HWC.mean((0, 1))
        return colour_3 / np.linalg.norm(colour_3)


def test_evenly_spread_frames_that_have_points_are_compared():
    clip = np.zeros((FRAMES, 8, 8, 3), np.uint8)
    clip[..., 0] = 200
    made = clip.copy()
    made[-1] = (0, 200, 0)
    five_F52 = np.zeros((FRAMES, 5, 2))
    np.testing.assert_allclose(resemblances(MeanColour(), clip, made, five_F52, 4), [1, 1, 1, 0])
    five_F52[-5:] = np.nan
    np.testing.assert_allclose(resemblances(MeanColour(), clip, made, five_F52, 4), 1)
    assert len(resemblances(MeanColour(), clip, made, five_F52 * np.nan, 4)) == 0
    assert len(resemblances(MeanColour(), clip[:2], made[:2], five_F52[:2], 8)) == 2
