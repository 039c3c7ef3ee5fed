"""Cards: a picture over its caption. Contact sheets and mosaics are made of them."""

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from storage.drawing.lettering import line_height, paint, shortened, text_mask, wrapped

PAPER, CARD = (24, 26, 30), (38, 41, 47)
NAME, FACTS = (244, 246, 249), (172, 179, 189)
MARGIN, PAD, MOST_LINES = 12, 8, 4
LEADING = 2


class CaptionLine(NamedTuple):
    text: str
    ink: tuple[int, int, int]


def caption_lines(caption: str, width: int) -> list[CaptionLine]:
    """Wrapped to a card of so many pixels, and cut off after the fourth line; what is before the first line
    break is a name, the rest are facts about it."""
    fits = max(1, width - 2 * PAD)
    every = (
        CaptionLine(line, FACTS if number else NAME)
        for number, paragraph in enumerate(caption.split("\n"))
        for line in wrapped(paragraph, fits)
    )
    lines = list(islice(every, MOST_LINES + 1))
    if len(lines) > MOST_LINES:
        last = lines[MOST_LINES - 1]
        lines = [*lines[: MOST_LINES - 1], last._replace(text=shortened(last.text, fits))]
    return lines


def caption_height(captions: Sequence[Sequence[CaptionLine]]) -> int:
    """Pixels below the pictures, alike for all cards."""
    return max(len(lines) for lines in captions) * (line_height() + LEADING) + 2 * PAD


def fill(area: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Row by row, which is several times as quick as pixel by pixel."""
    area[:] = np.full(area.shape[1:], colour, np.uint8)


def draw_card(card: np.ndarray, picture: np.ndarray | None, lines: Sequence[CaptionLine], below: int) -> None:
    """A picture in the middle of what is above the lowest `below` pixels, which are its caption's."""
    fill(card, CARD)
    if picture is not None:
        h, w = picture.shape[:2]
        top, left = (card.shape[0] - below - h) // 2, (card.shape[1] - w) // 2
        card[top : top + h, left : left + w] = picture
    for k, line in enumerate(lines):
        top = card.shape[0] - below + PAD + k * (line_height() + LEADING)
        paint(card[top:, PAD : card.shape[1] - PAD], text_mask(line.text), line.ink)
