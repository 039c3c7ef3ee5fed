"""Turns sRGB bytes into amounts of light and back: light adds up and multiplies, bytes do not.

F counts frames, H and W are rows and columns, C red, green and blue.
"""

import numpy as np

FULL = 65535
"""Stands for the light of a white pixel; there are as many steps, so that the darkest bytes come back, too."""
LUMA_3 = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""BT.709's weights of linear red, green and blue."""


def _to_light() -> np.ndarray:
    shares_256 = np.arange(256) / 255
    light_256 = np.where(shares_256 <= 0.04045, shares_256 / 12.92, ((shares_256 + 0.055) / 1.055) ** 2.4)
    return (light_256 * FULL).astype(np.float32)


def _to_bytes() -> np.ndarray:
    light_N = np.arange(FULL + 1) / FULL
    shares_N = np.where(light_N <= 0.0031308, light_N * 12.92, 1.055 * light_N ** (1 / 2.4) - 0.055)
    return np.round(shares_N * 255).astype(np.uint8)


TO_LIGHT_256, TO_BYTES_N = _to_light(), _to_bytes()


def decoded(rgb: np.ndarray) -> np.ndarray:
    """float32 of the same shape: 0 is black, 1 is white."""
    assert rgb.dtype == np.uint8, rgb.dtype
    return TO_LIGHT_256[rgb] / FULL


def multiplied(rgb_HWC: np.ndarray, gain_HWC: np.ndarray) -> np.ndarray:
    """The picture with its light multiplied, as bytes; what is brighter than white becomes white."""
    assert rgb_HWC.dtype == np.uint8, rgb_HWC.dtype
    light_HWC = np.take(TO_LIGHT_256, rgb_HWC)
    light_HWC *= gain_HWC
    light_HWC += 0.5
    np.minimum(light_HWC, FULL, out=light_HWC)
    return np.take(TO_BYTES_N, light_HWC.astype(np.uint16))
