"""Text as pixels: any script, and the same pixels on every machine.

    mask_HW = text_mask("höflich 你好.mp4")
    paint(picture[10:, 10:], mask_HW, (240, 240, 240))

Three fonts come with the project and no others are looked for: DejaVu Sans, and GNU Unifont for what that
lacks. Their licences lie beside them. Letters are laid out by Pillow's plain engine, since the other one
depends on a library of the system.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from math import ceil
from pathlib import Path
from unicodedata import category, normalize

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from storage.drawing.reading_order import drawing_order, joined_arabic

FONTS = Path(__file__).with_name("fonts")
SIZE, SMALL = 15, 11
"""Pixels: for captions, and for labels inside of a small picture."""
UNIFONT = 16
"""Unifont is drawn on a grid of 16 pixels, and is sharp at no other size."""
REPLACEMENT = "\ufffd"
UNSEEN = re.compile("[\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""They tell how their neighbours are joined or coloured, and have no picture of their own."""


def text_mask(text: str, size: int = SIZE) -> np.ndarray:
    """uint8 (line_height(size), width): how much of each pixel is ink, 255 is all. One line."""
    fonts = _fonts(size)
    runs = _runs(text)
    lengths = [fonts[number].getlength(run) for number, run in runs]
    mask = Image.new("L", (max(1, ceil(sum(lengths))), line_height(size)))
    draw, left = ImageDraw.Draw(mask), 0.0
    for (number, run), length in zip(runs, lengths, strict=True):
        draw.text((left, _ascent(size)), run, 255, fonts[number], anchor="ls")
        left += length
    return np.asarray(mask)


def paint(area_HWC: np.ndarray, mask_HW: np.ndarray, ink: tuple[int, int, int]) -> None:
    """Into the upper left corner of the area; what doesn't fit is left out."""
    mask_HW1 = mask_HW[: area_HWC.shape[0], : area_HWC.shape[1], None].astype(np.uint16)
    area_HWC = area_HWC[: mask_HW1.shape[0], : mask_HW1.shape[1]]
    area_HWC[:] = (area_HWC * (255 - mask_HW1) + mask_HW1 * np.array(ink, np.uint16) + 127) // 255


def text_width(text: str, size: int = SIZE) -> float:
    return sum(_fonts(size)[number].getlength(run) for number, run in _runs(text))


def line_height(size: int = SIZE) -> int:
    return _ascent(size) + max(font.getmetrics()[1] for font in _fonts(size))


def wrapped(text: str, width: float, size: int = SIZE) -> Iterator[str]:
    """Lines of words; a word that is wider than a line is broken."""
    line, used = "", 0.0
    for word in re.findall(" *[^ ]+", text):
        length = _letters_width(word, size)
        if used + length <= width:
            line, used = line + word, used + length
        elif (length := _letters_width(word.lstrip(), size)) <= width:
            yield line
            line, used = word.lstrip(), length
        else:
            for letter in clusters(word):
                length = _letter_width(letter, size)
                if line and used + length > width:
                    yield line
                    line, used = "", 0.0
                line, used = line + letter, used + length
    yield line


def shortened(text: str, width: float, size: int = SIZE) -> str:
    """Without so many of its last letters that it fits with two dots behind it."""
    letters = clusters(text)
    while letters and text_width("".join(letters) + "..", size) > width:
        letters.pop()
    return "".join(letters) + ".."


def clusters(text: str) -> list[str]:
    """Letters, each with the marks on it."""
    found: list[str] = []
    for char in normalize("NFC", text):
        if found and category(char).startswith("M"):
            found[-1] += char
        else:
            found.append(char)
    return found


def _letters_width(text: str, size: int) -> float:
    return sum(_letter_width(letter, size) for letter in clusters(text))


@lru_cache(1 << 14)
def _letter_width(letter: str, size: int) -> float:
    return text_width(letter, size)


def _runs(text: str) -> list[tuple[int, str]]:
    """(number of the font, text) from left to right."""
    seen = "".join(REPLACEMENT if _is_control(char) else char for char in normalize("NFC", text))
    letters = clusters(UNSEEN.sub("", joined_arabic(seen)))
    pieces = [piece for letter in drawing_order(letters) for piece in _pieces(letter)]
    return [
        (number, "".join(p for _, p in run)) for number, run in groupby(pieces, key=lambda piece: piece[0])
    ]


def _is_control(char: str) -> bool:
    """Control characters, halves of characters, and what would turn the line round."""
    return category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and not UNSEEN.match(char)


@lru_cache(1 << 14)
def _pieces(letter: str) -> Sequence[tuple[int, str]]:
    """A letter and its marks in the first font that has all of them, or each in a font of its own."""
    for number in range(len(_fonts(SIZE))):
        if all(_has(number, char) for char in letter):
            return ((number, letter),)
    if len(letter) > 1:
        return tuple(piece for char in letter for piece in _pieces(char))
    return _pieces(REPLACEMENT)


def _has(number: int, char: str) -> bool:
    """Fonts draw the same box for all that they lack."""
    return _drawn(number, char) != _drawn(number, "\uffff")


@lru_cache(1 << 14)
def _drawn(number: int, char: str) -> tuple[tuple[int, int], bytes]:
    mask = _fonts(SIZE)[number].getmask(char)
    return mask.size, bytes(mask)


@lru_cache
def _fonts(size: int) -> tuple[ImageFont.FreeTypeFont, ...]:
    files = {"DejaVuSans.ttf": size, "unifont.otf": UNIFONT, "unifont_upper.otf": UNIFONT}
    plain = ImageFont.Layout.BASIC
    return tuple(ImageFont.truetype(FONTS / name, px, layout_engine=plain) for name, px in files.items())


def _ascent(size: int) -> int:
    return max(font.getmetrics()[0] for font in _fonts(size))
