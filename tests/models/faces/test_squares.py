"""Pixels of squares that reach beyond a picture, and of pictures that are shrunk: as slow and simple sums have them."""

import numpy as np
import pytest

from models.faces.squares import MOST, edged, squares
from models.faces.warp import warp

CHANCE = np.random.default_rng(0)


def some_picture():
    height, width = CHANCE.integers(5, 80, 2)
    return CHANCE.integers(0, 255, (height, width, 3), np.uint8)


@pytest.mark.parametrize("_", range(60))
def test_what_sticks_out_repeats_the_edge(_):
    rgb_HWC = some_picture()
    box = (*CHANCE.normal(0, 60, 2), *np.abs(CHANCE.normal(30, 40, 2)))
    found_HWC, (left, top) = edged(rgb_HWC, box)
    rows, columns = (
        start + np.arange(size) for start, size in zip((top, left), found_HWC.shape, strict=False)
    )
    height, width = rgb_HWC.shape[:2]
    wanted_HWC = rgb_HWC[rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)]
    assert (found_HWC == wanted_HWC).all()


@pytest.mark.parametrize("turn", [0.0, 1e-12])
def test_a_shrunk_picture_is_the_mean_of_what_lies_under_each_pixel(turn):
    """`turn`: so little that it moves no sample, and yet it is the way of turned pictures."""
    rgb_HWC = some_picture()
    map_23 = np.array([[3.3, turn, CHANCE.normal(0, 9)], [turn, 2.9, CHANCE.normal(0, 9)]])
    found_CHW, taps = warp(rgb_HWC, map_23, (11, 7)), 5
    at = (np.arange(11 * taps) + 0.5) / taps
    u, v = (
        np.floor(s * at[: n * taps] + o).astype(int)
        for s, o, n in ((3.3, map_23[0, 2], 11), (2.9, map_23[1, 2], 7))
    )
    inside = ((v >= 0) & (v < len(rgb_HWC)))[:, None] & (u >= 0) & (u < rgb_HWC.shape[1])
    taken = rgb_HWC[v.clip(0, len(rgb_HWC) - 1)[:, None], u.clip(0, rgb_HWC.shape[1] - 1)] * inside[..., None]
    wanted_HWC = taken.reshape(7, taps, 11, taps, 3).mean((1, 3))
    np.testing.assert_allclose(found_CHW, wanted_HWC.transpose(2, 0, 1), atol=1e-4)


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (640, 360), (640, 640), (1280, 540), (1280, 256)])
def test_pictures_that_people_film_are_searched_whole(size):
    for share in (1.0, 0.75, 0.5):
        side = share * min(size)
        found = list(squares(*size, side))
        assert 0 < len(found) <= MOST
        assert max(x for x, *_ in found) == pytest.approx(size[0] - side)
        assert max(y for _, y, *_ in found) == pytest.approx(size[1] - side)


@pytest.mark.parametrize("size", [(1280, 1), (1280, 2), (1, 1280), (1280, 30)])
def test_a_strip_is_not_searched_in_thousands_of_squares(size):
    assert sum(len(list(squares(*size, share * min(size)))) for share in (1.0, 0.75, 0.5)) <= 3 * MOST
