"""One change of light: a function of its numbers, the second and the place; soft, bounded, and black stays black."""

from dataclasses import asdict, replace
from time import process_time

import numpy as np
import pytest

from models.light.change import LightChange, gain, relit
from models.light.draw import KINDS, Ranges, draw_change, exposed
from models.light.linear import decoded, multiplied

RANGES = Ranges(0.8, 0.4, 0.2, 0.8, 0.25, KINDS, 0.5)
SPOT_11 = (0.782977784, 0.471063123)
EVERY_BYTE = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)


def of_kinds(*kinds, seed=0, chance=1.0):
    return draw_change(seed, replace(RANGES, kinds=kinds, chance=chance))


def test_no_change_changes_no_byte():
    np.testing.assert_array_equal(relit(LightChange(seed=0), EVERY_BYTE, 3.0), EVERY_BYTE)


def test_the_light_is_what_is_multiplied():
    half = multiplied(EVERY_BYTE, np.full((1, 1, 3), 0.5, np.float32))
    np.testing.assert_allclose(decoded(half), decoded(EVERY_BYTE) / 2, atol=0.005)
    assert half[0, 0].max() == 0
    assert multiplied(EVERY_BYTE, np.full((1, 1, 3), 9.0, np.float32)).max() == 255


@pytest.mark.parametrize("seed", range(40))
def test_black_stays_black_and_gains_are_bounded(seed):
    change = draw_change(seed, RANGES)
    black_HWC = np.zeros((16, 16, 3), np.uint8)
    most = 2.0 ** (0.8 * 2**0.5 + 0.4 + 0.8 + 0.001)
    for second in np.linspace(0, 10, 21):
        gain_HWC = gain(change, second, 16, 16)
        assert gain_HWC.dtype == np.float32
        assert 0.1 < gain_HWC.min() <= gain_HWC.max() < most
        assert relit(change, black_HWC, second).max() == 0


def test_a_seed_gives_one_change_and_another_gives_another():
    assert draw_change(7, RANGES) == draw_change(7, RANGES)
    drawn = [draw_change(seed, RANGES) for seed in range(200)]
    assert len({tuple(asdict(change).values()) for change in drawn}) == 200
    mixtures = {change.kinds() for change in drawn}
    assert len(mixtures) == 15  # every combination but none at all
    np.testing.assert_array_equal(gain(drawn[0], 1.2, 32, 48), gain(drawn[0], 1.2, 32, 48))


def test_the_numbers_of_a_seed_never_change():
    """Rows keep only numbers: what is drawn today must be drawn next year, on any machine."""
    change = of_kinds("spot", seed=11)
    assert change.kinds() == ("spot",)
    assert (round(change.spot_stops, 9), round(change.spot_radius, 9)) == SPOT_11


@pytest.mark.parametrize("kind", ["direction", "colour", "spot"])
def test_all_but_flicker_is_smooth_in_time(kind):
    change = of_kinds(kind, seed=3)
    stops_FHWC = np.log2([gain(change, frame / 25, 12, 12) for frame in range(250)])
    assert np.ptp(stops_FHWC, axis=0).max() > 0.1  # it does move
    assert np.abs(np.diff(stops_FHWC, axis=0)).max() < 0.08


def test_flicker_is_the_same_all_over_the_picture_and_quick():
    change = of_kinds("flicker", seed=3)
    level_F = np.array([gain(change, frame / 25, 4, 4) for frame in range(250)])
    assert np.ptp(level_F, axis=(1, 2, 3)).max() < 1e-6
    stops_F = np.log2(level_F[:, 0, 0, 0])
    assert -change.flicker_stops - 1e-6 <= stops_F.min() < stops_F.max() <= 1e-6
    assert (np.diff(np.sign(np.diff(stops_F))) != 0).sum() > 50


def test_a_slope_is_brighter_on_one_side_and_neutral_in_the_middle():
    gain_HWC = gain(LightChange(seed=0, direction_stops=0.8), 0.0, 9, 9)
    np.testing.assert_allclose(gain_HWC[4, 4], 1.0, rtol=1e-5)
    assert gain_HWC[4, 8, 0] > 1.3 > 1 > gain_HWC[4, 0, 0]
    np.testing.assert_allclose(np.ptp(gain_HWC, axis=0), 0, atol=1e-5)


def test_little_turns_white():
    rng = np.random.default_rng(0)
    bright_HWC = rng.integers(100, 240, (64, 64, 3)).astype(np.uint8)
    bright_HWC[:20] = 255  # a window: it is white already, and darkens nothing
    change = of_kinds("direction", "spot", seed=5)
    lit = exposed(change, [bright_HWC] * 5, [0.0, 1.0, 2.0, 3.0, 4.0], 0.01)
    assert 0.3 < lit.exposure < 1.0
    white = [(relit(lit, bright_HWC, second)[20:] == 255).mean() for second in range(5)]
    assert np.mean(white) < 0.03
    assert np.mean([(relit(change, bright_HWC, second)[20:] == 255).mean() for second in range(5)]) > 0.05
    dark = exposed(change, [bright_HWC // 8], [0.0], 0.01)
    assert dark.exposure == 1.0


def test_a_large_frame_takes_less_than_a_thirtieth_of_a_second():
    rng = np.random.default_rng(0)
    frame_HWC = rng.integers(0, 256, (512, 512, 3)).astype(np.uint8)
    change = of_kinds(*KINDS)

    def seconds() -> float:
        start = process_time()
        relit(change, frame_HWC, 1.0)
        return process_time() - start

    assert min(seconds() for _ in range(8)) < 1 / 30
