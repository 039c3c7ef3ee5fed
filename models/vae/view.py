"""Says how little of each layer is needed where only a part of the pictures is looked at.

A convolution over 3x3 pixels looks one to each side. So a part of the pictures is made of a little more than that part
of the layer before, and so on to the latents; past the picture's edge there is nothing, as in the whole. Only the big
layers are cut: attention looks at all of a picture, and is where pictures are small.
"""

from collections.abc import Iterator
from typing import NamedTuple

from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import WanResample
from torch import Tensor, nn

from models.vae.layers import layers_of_up_block

Span = tuple[int, int]
"""From, to (exclusive)."""


class View(NamedTuple):
    """A part of the pictures, in pixels."""

    rows: Span
    columns: Span


class Cuts:
    """Cuts what each up block is given, and at the end the pictures."""

    def __init__(self, vae: AutoencoderKLWan, size: tuple[int, int], view: View):
        self.patch = vae.config.patch_size or 1
        self.view = view
        self.needed = [View(*both) for both in zip(*_needed_both(vae, size, view, self.patch), strict=True)]
        self.there = View((0, size[0]), (0, size[1]))

    def blocks(self, vae: AutoencoderKLWan) -> Iterator[tuple[nn.Module, View]]:
        """Yields each up block, with what it has to be given."""
        return zip(vae.decoder.up_blocks, self.needed, strict=True)

    def cut(self, x_BTCHW: Tensor, needed: View, block: nn.Module) -> Tensor:
        """Cuts what a block is given; what it makes of that is where the next one is cut from."""
        made = _part(x_BTCHW, needed, self.there)
        scale = 2 if _doubles(block) else 1
        self.there = View(*((scale * start, scale * end) for start, end in needed))
        return made

    def pictures(self, video_BCTHW: Tensor) -> Tensor:
        """Cuts the pictures themselves."""
        there = View(*((self.patch * start, self.patch * end) for start, end in self.there))
        return _part(video_BCTHW, self.view, there)


def _part(x: Tensor, wanted: View, there: View) -> Tensor:
    (top, _), (left, _) = there
    rows, columns = wanted
    assert there.rows[0] <= rows[0] < rows[1] <= there.rows[1], (wanted, there)
    assert there.columns[0] <= columns[0] < columns[1] <= there.columns[1], (wanted, there)
    return x[..., rows[0] - top : rows[1] - top, columns[0] - left : columns[1] - left]


def _needed_both(vae: AutoencoderKLWan, size: tuple[int, int], view: View, patch: int) -> list[list[Span]]:
    return [_needed(vae, length, span, patch) for length, span in zip(size, view, strict=True)]


def _needed(vae: AutoencoderKLWan, length: int, span: Span, patch: int) -> list[Span]:
    """What each up block has to be given, found from the last, at whose pictures one more convolution looks."""
    sizes = [length]
    for block in vae.decoder.up_blocks:
        sizes.append(sizes[-1] * (2 if _doubles(block) else 1))
    found, start, end = [], span[0] // patch - 1, -(-span[1] // patch) + 1
    for block, size, doubled in zip(vae.decoder.up_blocks[::-1], sizes[-2::-1], sizes[:0:-1], strict=True):
        start, end = max(start, 0), min(end, doubled)
        for layer in reversed(layers_of_up_block(block)):
            doubles = isinstance(layer, WanResample)  # and convolves; residual blocks convolve twice
            start, end = ((start - 1) // 2, (end + 2) // 2) if doubles else (start - 2, end + 2)
        start, end = max(start, 0), min(end, size)
        found.append((start, end))
    return found[::-1]


def _doubles(block: nn.Module) -> bool:
    return any(isinstance(layer, WanResample) for layer in layers_of_up_block(block))
