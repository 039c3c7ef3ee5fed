"""MobileNetV3 "minimal" (Howard et al. 2019, without hard swish and squeeze-excite) as a feature extractor.

Names of weights are timm's for `tf_mobilenetv3_{small,large}_minimal_100`, so that checkpoints made with it load;
padding is TensorFlow's, which gives an odd pixel to the right and below. Weights only come from checkpoints: SMIRK's.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import pad

STEM = 16


@dataclass(frozen=True)
class Layout:
    """Sizes: stages of blocks, each (channels inside, channels out, stride); then the width of the last layer."""

    stages: tuple[tuple[tuple[int, int, int], ...], ...]
    last: int


SMALL = Layout(
    (
        ((16, 16, 2),),
        ((72, 24, 2), (88, 24, 1)),
        ((96, 40, 2), (240, 40, 1), (240, 40, 1)),
        ((120, 48, 1), (144, 48, 1)),
        ((288, 96, 2), (576, 96, 1), (576, 96, 1)),
    ),
    576,
)
LARGE = Layout(
    (
        ((16, 16, 1),),
        ((64, 24, 2), (72, 24, 1)),
        ((72, 40, 2), (120, 40, 1), (120, 40, 1)),
        ((240, 80, 2), (200, 80, 1), (184, 80, 1), (184, 80, 1)),
        ((480, 112, 1), (672, 112, 1)),
        ((672, 160, 2), (960, 160, 1), (960, 160, 1)),
    ),
    960,
)


class SamePad(nn.Conv2d):
    """A convolution with TensorFlow's padding."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        size, stride = self.kernel_size[0], self.stride[0]
        down, across = (max((-(-n // stride) - 1) * stride + size - n, 0) for n in x_BCHW.shape[2:])
        around = across // 2, across - across // 2, down // 2, down - down // 2
        return super().forward(pad(x_BCHW, around))


def norm(channels: int) -> nn.BatchNorm2d:
    """Returns batch norm as these networks have it."""
    return nn.BatchNorm2d(channels, eps=1e-3)


class Separable(nn.Module):
    """The first block: a depthwise and a pointwise convolution; nothing is widened."""

    def __init__(self, inner: int, outer: int, stride: int):
        super().__init__()
        self.conv_dw = SamePad(inner, inner, 3, stride, groups=inner, bias=False)
        self.bn1 = norm(inner)
        self.conv_pw = nn.Conv2d(inner, outer, 1, bias=False)
        self.bn2 = norm(outer)
        self.skip = stride == 1 and inner == outer

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv_pw(self.bn1(self.conv_dw(x)).relu()))
        return x + y if self.skip else y


class Inverted(nn.Module):
    """Every other block: widened, convolved depthwise, and narrowed again."""

    def __init__(self, inner: int, wide: int, outer: int, stride: int):
        super().__init__()
        self.conv_pw = nn.Conv2d(inner, wide, 1, bias=False)
        self.bn1 = norm(wide)
        self.conv_dw = SamePad(wide, wide, 3, stride, groups=wide, bias=False)
        self.bn2 = norm(wide)
        self.conv_pwl = nn.Conv2d(wide, outer, 1, bias=False)
        self.bn3 = norm(outer)
        self.skip = stride == 1 and inner == outer

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv_dw(self.bn1(self.conv_pw(x)).relu())).relu()
        y = self.bn3(self.conv_pwl(y))
        return x + y if self.skip else y


class Last(nn.Module):
    """The last layer, pointwise."""

    def __init__(self, inner: int, outer: int):
        super().__init__()
        self.conv = nn.Conv2d(inner, outer, 1, bias=False)
        self.bn1 = norm(outer)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn1(self.conv(x)).relu()


class MobileNet(nn.Module):
    """Takes pictures, and gives one vector each."""

    def __init__(self, layout: Layout):
        super().__init__()
        self.conv_stem = SamePad(3, STEM, 3, 2, bias=False)
        self.bn1 = norm(STEM)
        stages: list[nn.Module] = []
        inner = STEM
        for stage, blocks in enumerate(layout.stages):
            made: list[nn.Module] = []
            for wide, outer, stride in blocks:
                made.append(
                    Inverted(inner, wide, outer, stride) if stage else Separable(inner, outer, stride)
                )
                inner = outer
            stages.append(nn.Sequential(*made))
        self.blocks = nn.Sequential(*stages, nn.Sequential(Last(inner, layout.last)))

    def forward(self, rgb_B3HW: Tensor) -> Tensor:
        return self.blocks(self.bn1(self.conv_stem(rgb_B3HW)).relu()).mean((2, 3))
