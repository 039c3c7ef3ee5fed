"""Draws a picture in a terminal with 24-bit colour: each character is two pixels, one above the other."""

import numpy as np
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from storage.media.images import decode_image

UPPER_HALF = "\N{UPPER HALF BLOCK}"


def can_draw(on: Console) -> bool:
    """Whether it shows every colour, to a person."""
    return on.is_terminal and on.color_system == "truecolor"


def half_blocks(jpeg: bytes, columns: int) -> Text:
    """The picture, so many characters wide."""
    rgb_HWC = _shrunk(decode_image(jpeg), columns)
    lines = [
        Text.assemble(*((UPPER_HALF, _style(*pair)) for pair in zip(above, below, strict=True)))
        for above, below in zip(rgb_HWC[::2], rgb_HWC[1::2], strict=True)
    ]
    return Text("\n").join(lines)


def _shrunk(rgb_HWC: np.ndarray, columns: int) -> np.ndarray:
    """By means over blocks, to an even number of rows."""
    every = max(1, rgb_HWC.shape[1] // columns)
    high, wide = (side // every for side in rgb_HWC.shape[:2])
    high -= high % 2
    blocks = rgb_HWC[: high * every, : wide * every].reshape(high, every, wide, every, 3)
    return blocks.mean((1, 3)).astype(np.uint8)


def _style(above: np.ndarray, below: np.ndarray) -> Style:
    front, back = (Color.from_rgb(*map(int, rgb)) for rgb in (above, below))
    return Style(color=front, bgcolor=back)
