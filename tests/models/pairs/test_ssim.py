"""SSIM is what its formula says, on pictures for which it can be worked out."""

import numpy as np
import pytest

from models.pairs.ssim import ssim

RNG = np.random.default_rng(0)


def test_of_flat_pictures_it_is_the_likeness_of_their_light():
    dark, light = (np.full((2, 16, 16, 3), value, np.uint8) for value in (50, 100))
    steady = (0.01 * 255) ** 2
    assert ssim(dark, light) == pytest.approx((2 * 50 * 100 + steady) / (50**2 + 100**2 + steady))


def test_of_one_window_it_is_the_formula():
    one, other = RNG.integers(0, 256, (2, 1, 11, 11, 1)).astype(np.uint8)
    bell = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weight = np.outer(bell, bell) / bell.sum() ** 2
    x, y = one[0, ..., 0].astype(float), other[0, ..., 0].astype(float)
    mean_x, mean_y = (weight * x).sum(), (weight * y).sum()
    varies_x, varies_y = ((weight * (z - mean) ** 2).sum() for z, mean in ((x, mean_x), (y, mean_y)))
    together = (weight * (x - mean_x) * (y - mean_y)).sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    wanted = (
        (2 * mean_x * mean_y + c1) * (2 * together + c2)
        / ((mean_x**2 + mean_y**2 + c1) * (varies_x + varies_y + c2))
    )  # fmt: skip
    assert ssim(one, other) == pytest.approx(wanted)


def test_the_same_is_1_noise_is_less_and_other_sizes_are_refused():
    video = RNG.integers(0, 256, (3, 20, 24, 3)).astype(np.uint8)
    noisy = np.clip(video + RNG.normal(0, 20, video.shape), 0, 255).astype(np.uint8)
    assert ssim(video, video) == pytest.approx(1)
    assert 0.5 < ssim(video, noisy) < 0.99
    assert ssim(video, noisy) == pytest.approx(ssim(noisy, video))
    with pytest.raises(ValueError, match="equally long and large"):
        ssim(video, video[:2])
    with pytest.raises(ValueError, match="from 11 pixels on"):
        ssim(video[:, :10], video[:, :10])
