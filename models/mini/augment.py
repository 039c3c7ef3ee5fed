"""Does to pictures what cameras and codecs do and the world's renderer does not, so that weights don't rely on it."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate


def vary(rgb_B3HW: Tensor, rng: torch.Generator) -> Tensor:
    """Varies exposure, white balance, contrast, lost detail and noise, for each picture anew; 0..255 throughout."""
    count = len(rgb_B3HW)

    def drawn(*shape: int) -> Tensor:
        return torch.rand(shape, generator=rng).to(rgb_B3HW.device)

    def uniform(low: float, high: float, channels: int = 1) -> Tensor:
        return low + (high - low) * drawn(count, channels, 1, 1)

    gain_B311 = uniform(0.7, 1.3) * uniform(0.9, 1.1, 3)
    out = (rgb_B3HW - 128) * uniform(0.8, 1.2) + 128
    out = out * gain_B311 + uniform(-15, 15)
    coarse = interpolate(avg_pool2d(out, 2), scale_factor=2.0, mode="bilinear")
    share = uniform(-1, 1).clamp(min=0)
    out = out + share * (coarse - out)
    out = out + uniform(-6, 10).clamp(min=0) * (2 * drawn(*out.shape) - 1)
    return out.clamp(0, 255)
