"""The two small networks of the mini face back-end: one finds faces, one places landmarks on a crop.

B counts pictures, K landmarks. Batch norm is there for training only: `fuse` folds it into the weights that
are shipped, which halves the work of a forward pass.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.faces.grid import STRIDES

CROP = 64
"""Pixels a side of the crop that the landmarks are read from."""
HEAT = 16
"""Cells a side of the map in which each landmark is sought."""
ANGLE = 0.5
"""Radians by which the network's angles are scaled, so that all it says is about 1."""


class Conv(nn.Module):
    """A convolution, a norm in training, and ReLU."""

    def __init__(self, inner: int, outer: int, stride: int = 1, norm: bool = False, size: int = 3):
        super().__init__()
        self.conv = nn.Conv2d(inner, outer, size, stride, size // 2)
        self.norm: nn.Module = nn.BatchNorm2d(outer) if norm else nn.Identity()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x_BCHW)))


class Residual(nn.Module):
    """Two convolutions whose result is added to what went in."""

    def __init__(self, channels: int, norm: bool):
        super().__init__()
        self.one, self.two = Conv(channels, channels, 1, norm), Conv(channels, channels, 1, norm)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW + self.two(self.one(x_BCHW))


class Detector(nn.Module):
    """Takes BGR pictures 0..255 with sides of multiples of 32, and gives YuNet's outputs."""

    def __init__(self, norm: bool = False):
        super().__init__()
        self.stem = nn.Sequential(Conv(3, 16, 2, norm), Conv(16, 24, 2, norm))
        self.levels = nn.ModuleList(
            nn.Sequential(Conv(inner, outer, 2, norm), Residual(outer, norm))
            for inner, outer in ((24, 40), (40, 48), (48, 64))
        )
        self.sides = nn.ModuleList(nn.Conv2d(channels, 40, 1) for channels in (40, 48, 64))
        self.head = Conv(40, 48, 1, norm)
        self.guess = nn.Conv2d(48, 16, 1)

    def forward(self, bgr_B3HW: Tensor) -> dict[str, Tensor]:
        x, maps = self.stem(bgr_B3HW / 128 - 1), []
        for level in self.levels:
            x = level(x)
            maps.append(x)
        outputs: dict[str, Tensor] = {}
        above: Tensor | None = None
        for stride, x, side in reversed(list(zip(STRIDES, maps, self.sides, strict=True))):
            x = side(x)
            above = x if above is None else x + interpolate(above, scale_factor=2.0)
            guess_BN16 = self.guess(self.head(above)).flatten(2).transpose(1, 2)
            cls, obj, bbox, kps = guess_BN16.split((1, 1, 4, 10), -1)
            outputs |= {f"cls_{stride}": cls.sigmoid(), f"obj_{stride}": obj.sigmoid()}
            outputs |= {f"bbox_{stride}": bbox, f"kps_{stride}": kps}
        return outputs


class Landmarker(nn.Module):
    """Takes RGB crops 0..255, and gives landmarks in pixels, the logit of a face, and three angles in radians."""

    def __init__(self, landmarks: int, norm: bool = False):
        super().__init__()
        self.stem = nn.Sequential(Conv(3, 20, 2, norm), Conv(20, 40, 2, norm), Residual(40, norm))
        self.middle = nn.Sequential(Conv(40, 48, 2, norm), Residual(48, norm))
        self.deep = nn.Sequential(Conv(48, 128, 2, norm), Residual(128, norm), Residual(128, norm))
        self.up_middle, self.up_deep = nn.Conv2d(48, 40, 1), nn.Conv2d(128, 48, 1)
        self.heat = nn.Sequential(Conv(40, 64, 1, norm), nn.Conv2d(64, landmarks, 1))
        self.whole = nn.Sequential(nn.Flatten(), nn.Linear(128 * 16, 32), nn.ReLU(), nn.Linear(32, 4))
        at = (torch.arange(HEAT) + 0.5) * CROP / HEAT
        grid_2N = torch.stack([at.repeat(HEAT), at.repeat_interleave(HEAT)])
        self.register_buffer("grid_N2", grid_2N.T.contiguous(), persistent=False)

    def forward(self, rgb_B3HW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine = self.stem(rgb_B3HW / 128 - 1)
        middle = self.middle(fine)
        deep = self.deep(middle)
        middle = middle + interpolate(self.up_deep(deep), scale_factor=2.0)
        fine = fine + interpolate(self.up_middle(middle), scale_factor=2.0)
        points_BK2 = self.heat(fine).flatten(2).softmax(-1) @ self.grid_N2
        whole_B4 = self.whole(deep)
        return points_BK2, whole_B4[:, 0], whole_B4[:, 1:] * ANGLE


def fuse(net: nn.Module) -> nn.Module:
    """Folds batch norm into the convolutions, in place; the network must be done with training."""
    net.eval()
    for module in net.modules():
        if isinstance(module, Conv) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()
    return net
