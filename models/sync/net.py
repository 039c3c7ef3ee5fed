"""SyncNet's two networks (Chung and Zisserman 2016), with the layers and names of its public weights.

Five frames of a mouth and a fifth of a second of sound each become a vector; in sync, the two are near. The
public lip network convolves in three dimensions, but over just five frames, which is a convolution in two over
fifteen channels: the same sums, several times as quick on CPUs. `with_2d_kernels` brings public weights to that form.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn

FRAMES = 5
COLUMNS = 20
"""Of sound, a hundred a second: what is heard during five frames at 25 a second."""
COEFFICIENTS = 13


@dataclass(frozen=True)
class Sizes:
    """Sizes of the networks and of the crop: as published, unless the weights say otherwise.

    The framing is seen from half-way between eyes and mouth.
    """

    side: int = 224
    lips: Sequence[int] = (96, 256, 256, 256, 256, 512)
    sound: Sequence[int] = (64, 192, 384, 256, 256, 512)
    hidden: int = 512
    vector: int = 1024
    wide: float = 1.72
    """Side of the square over the size of the face: as published, a face box widened by 40%."""
    down: float = 0.18
    """How far its centre lies below, over the size of the face."""

    @property
    def room(self) -> int:
        """Pixels to either side by which a crop is moved in training."""
        return self.side // 16

    def roomy(self) -> "Sizes":
        """Returns sizes of a crop at the same scale that has this room about it."""
        side = self.side + 2 * self.room
        return replace(self, side=side, wide=self.wide * side / self.side)


MINI = Sizes(
    side=64,
    lips=(24, 48, 64, 64, 64, 128),
    sound=(24, 48, 64, 64, 64, 128),
    hidden=128,
    vector=128,
    wide=0.85,
    down=0.27,
)
"""Of the one that is shipped. The lower half of the face only: in clips of 64 pixels the mouth has but a dozen."""
PRESETS = {"mini": MINI, "public": Sizes()}


class Net(nn.Module):
    """The network for lips and the one for sound."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.netcnnaud = nn.Sequential(*_sound_layers(sizes.sound))
        self.netfcaud = _head(sizes.sound[-1], sizes.hidden, sizes.vector)
        self.netcnnlip = nn.Sequential(*_lip_layers(sizes.lips, sizes.side))
        self.netfclip = _head(sizes.lips[-1], sizes.hidden, sizes.vector)

    def forward(self, bgr_B3FHW: Tensor, mfcc_BCT: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the vectors of both, as a training needs them."""
        return self.lips(bgr_B3FHW), self.sound(mfcc_BCT)

    def lips(self, bgr_B3FHW: Tensor) -> Tensor:
        """Returns vectors (B, D) of five frames, 0..255."""
        return self.netfclip(self.netcnnlip(bgr_B3FHW.flatten(1, 2)).flatten(1))

    def sound(self, mfcc_BCT: Tensor) -> Tensor:
        """Returns vectors (B, D) of twenty columns."""
        return self.netfcaud(self.netcnnaud(mfcc_BCT[:, None]).flatten(1))


def _sound_layers(widths: Sequence[int]) -> list[nn.Module]:
    one, two, three, four, five, last = widths
    return [
        *_conv(1, one, 3, padding=1),
        nn.MaxPool2d(1, 1),  # does nothing, but counts in the names of what follows
        *_conv(one, two, 3, padding=1),
        nn.MaxPool2d(3, (1, 2)),
        *_conv(two, three, 3, padding=1),
        *_conv(three, four, 3, padding=1),
        *_conv(four, five, 3, padding=1),
        nn.MaxPool2d(3, 2),
        *_conv(five, last, (5, 4)),
    ]


def _lip_layers(widths: Sequence[int], side: int) -> list[nn.Module]:
    one, two, three, four, five, last = widths
    layers = [
        *_conv(3 * FRAMES, one, 7, 2),
        nn.MaxPool2d(3, 2),
        *_conv(one, two, 5, 2, 1),
        nn.MaxPool2d(3, 2, 1),
        *_conv(two, three, 3, padding=1),
        *_conv(three, four, 3, padding=1),
        *_conv(four, five, 3, padding=1),
        nn.MaxPool2d(3, 2),
    ]
    for size, stride, padding in ((7, 2, 0), (3, 2, 0), (5, 2, 1), (3, 2, 1), (3, 2, 0)):
        side = (side + 2 * padding - size) // stride + 1
    return [*layers, *_conv(five, last, side)]


def _conv(
    inner: int, outer: int, size: int | tuple[int, int], stride: int = 1, padding: int = 0
) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inner, outer, size, stride, padding), nn.BatchNorm2d(outer), nn.ReLU()


def _head(inner: int, hidden: int, outer: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inner, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, outer)
    )


def with_2d_kernels(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns weights whose kernels over (channels, time, height, width) have channels and time as one."""
    return {key: value.flatten(1, 2) if value.ndim == 5 else value for key, value in weights.items()}
