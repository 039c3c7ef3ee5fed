"""The network of dlib's face recognition in torch: 29 convolutions of a ResNet with half the channels of ResNet-34.

Its shape is that of dlib's public example dnn_face_recognition_ex, its weights those of
dlib_face_recognition_resnet_model_v1.dat (given to the public domain, CC0). Two faces whose vectors are less than 0.6
apart are taken for one person there. It is plain torch, so gradients pass and it can be exported.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d, pad

from models.faces.dlibfile import layers
from models.weights.references import ModelError

SIDE = 150
"""Pixels a side of the picture that it takes."""
SIZE = 128
"""Numbers in its vector."""
STEM = 32
BLOCKS = (
    *((32, 1), (32, 1), (32, 1)),
    *((64, 2), (64, 1), (64, 1), (64, 1)),
    *((128, 2), (128, 1), (128, 1)),
    *((256, 2), (256, 1), (256, 1)),
    (256, 2),
)
"""Channels and stride of each residual block, from the picture on."""
MEAN_RGB = (122.782, 117.001, 104.298)


class Block(nn.Module):
    """Two convolutions, to whose result is added what went in: pooled where they halve it.

    What goes in has fewer channels there, and may be a row and a column larger; what is missing of either counts as 0.
    """

    def __init__(self, inner: int, outer: int, stride: int):
        super().__init__()
        self.stride = stride
        self.one = nn.Conv2d(inner, outer, 3, stride, 1 if stride == 1 else 0)
        self.two = nn.Conv2d(outer, outer, 3, 1, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        made_BCHW = self.two(torch.relu(self.one(x_BCHW)))
        kept_BCHW = x_BCHW if self.stride == 1 else avg_pool2d(x_BCHW, 2)
        return torch.relu(_filled(made_BCHW, kept_BCHW) + _filled(kept_BCHW, made_BCHW))


class DlibNet(nn.Module):
    """Takes RGB faces 0..255 (B, 3, 150, 150), aligned as dlib does, and gives vectors (B, 128)."""

    mean_311: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM, 7, 2)
        inners = (STEM, *(outer for outer, _ in BLOCKS))
        self.blocks = nn.Sequential(
            *(Block(inner, *block) for inner, block in zip(inners, BLOCKS, strict=False))
        )
        self.whole = nn.Linear(BLOCKS[-1][0], SIZE, bias=False)
        self.register_buffer("mean_311", torch.tensor(MEAN_RGB)[:, None, None], persistent=False)

    def forward(self, rgb_B3HW: Tensor) -> Tensor:
        x_BCHW = torch.relu(self.stem((rgb_B3HW - self.mean_311) / 256))
        return self.whole(self.blocks(max_pool2d(x_BCHW, 3, 2)).mean((2, 3)))

    def convolutions(self) -> list[nn.Conv2d]:
        """Returns them in the order of the file."""
        return [one for one in self.modules() if isinstance(one, nn.Conv2d)]


def load_dlib_net(path: Path) -> DlibNet:
    """Loads dlib's file; ModelError for any other."""
    net, found = DlibNet().eval().requires_grad_(False), layers(path)
    convolutions = net.convolutions()
    wanted = [
        (("con", one.weight.numel() + one.out_channels), ("affine", 2 * one.out_channels))
        for one in convolutions
    ]
    expected = [*(part for pair in wanted for part in pair), ("fc", net.whole.weight.numel())]
    there = [(name, len(numbers_N)) for name, numbers_N in found]
    if there != expected:
        at = next(
            (n for n, pair in enumerate(zip(there, expected, strict=False)) if pair[0] != pair[1]), len(there)
        )
        raise ModelError(
            f"{path} is not dlib's face recognition network of 29 convolutions: it has {len(there)} layers with weights "
            f"where {len(expected)} belong, and differs from layer {at} on; pull `dlib-identity` again"
        )
    numbers = [numbers_N for _, numbers_N in found]
    for n, one in enumerate(convolutions):
        _fold(one, numbers[2 * n], numbers[2 * n + 1])
    net.whole.weight.copy_(torch.tensor(numbers[-1]).view(-1, SIZE).T)
    return net


def _fold(one: nn.Conv2d, numbers_N: np.ndarray, affine_2C: np.ndarray) -> None:
    """Sets a convolution to that of the file and the scale and shift after it."""
    weight_N, bias_C = torch.tensor(numbers_N).split([one.weight.numel(), len(one.bias)])  # type: ignore[arg-type]
    scale_C, shift_C = torch.tensor(affine_2C).chunk(2)
    one.weight.copy_(weight_N.view_as(one.weight) * scale_C[:, None, None, None])
    one.bias.copy_(bias_C * scale_C + shift_C)  # type: ignore[union-attr]


def _filled(x_BCHW: Tensor, other_BCHW: Tensor) -> Tensor:
    """With zeros where the other is larger."""
    lacks: Sequence[int] = [
        max(b - a, 0) for a, b in zip(x_BCHW.shape[1:], other_BCHW.shape[1:], strict=True)
    ]
    return pad(x_BCHW, (0, lacks[2], 0, lacks[1], 0, lacks[0])) if any(lacks) else x_BCHW
