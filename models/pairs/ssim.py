"""Measures how alike two videos are in structure: SSIM (Wang et al. 2004), with the window of its authors.

F frames of H by W pixels, C channels, P planes of one channel.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d

WINDOW, DEVIATION = 11, 1.5
STEADY = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""What keeps the two ratios steady where a picture is black or flat."""


def ssim(one_FHWC: np.ndarray, other_FHWC: np.ndarray) -> float:
    """Returns the mean over all frames, channels and whole windows of two uint8 videos; 1 where they are the same."""
    if one_FHWC.shape != other_FHWC.shape or min(one_FHWC.shape[1:3]) < WINDOW:
        raise ValueError(
            f"two videos must be equally long and large, from {WINDOW} pixels on, not {one_FHWC.shape} and "
            f"{other_FHWC.shape}"
        )
    x, y = _planes(one_FHWC), _planes(other_FHWC)
    mean_x, mean_y = _blurred(x), _blurred(y)
    varies_x, varies_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    together = _blurred(x * y) - mean_x * mean_y
    light = (2 * mean_x * mean_y + STEADY[0]) / (mean_x**2 + mean_y**2 + STEADY[0])
    return float((light * (2 * together + STEADY[1]) / (varies_x + varies_y + STEADY[1])).mean())


def _planes(rgb_FHWC: np.ndarray) -> Tensor:
    rgb_FCHW = torch.from_numpy(rgb_FHWC.astype(np.float64)).permute(0, 3, 1, 2)
    return rgb_FCHW.flatten(0, 1)[:, None]


def _blurred(x_P1HW: Tensor) -> Tensor:
    """Means under a bell, of windows that lie whole within the picture."""
    place = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    bell = torch.exp(-(place**2) / (2 * DEVIATION**2))
    bell = bell / bell.sum()
    return conv2d(conv2d(x_P1HW, bell.view(1, 1, -1, 1)), bell.view(1, 1, 1, -1))
