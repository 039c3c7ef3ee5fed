"""Pictures with captions on one PNG: the quickest way to see what a stage let through or threw out."""

import textwrap
from collections.abc import Sequence
from typing import Any, BinaryIO

import av
import numpy as np

from storage.font import ADVANCE, HEIGHT, draw_text
from storage.media.container import MediaError, open_media
from storage.media.decode import decode_video
from storage.media.images import encode_jpeg, encode_png

PAPER, CARD, INK = (24, 26, 30), (38, 41, 47), (222, 226, 232)
MARGIN, SCALE, PAD = 10, 2, 6
LINE = HEIGHT * SCALE + PAD
MOST_LINES = 4
STILLS_S, STILLS_FPS = 10.0, 2.0
"""A poster is from the first seconds: a recording of hours is not read for it."""


def contact_sheet(items: Sequence[tuple[bytes | None, str]], columns: int = 5, min_width: int = 0) -> bytes:
    """`items` are (JPEG bytes, caption), laid out row by row in cells as large as the largest picture.

    None is an item without a picture. Captions are wrapped. Pictures narrower than `min_width` are enlarged
    by a whole number.
    """
    if not items:
        raise ValueError("a contact sheet needs at least one picture")
    pictures = [_enlarged(_decode_jpeg(jpeg), min_width) if jpeg is not None else None for jpeg, _ in items]
    known = [p.shape for p in pictures if p is not None] or [(64, max(min_width, 192))]
    cell_w = max(shape[1] for shape in known)
    captions = [caption_lines(caption, cell_w) for _, caption in items]
    lines_h = max(len(lines) for lines in captions) * LINE + PAD
    cell_h = max(shape[0] for shape in known) + lines_h
    columns = min(columns, len(items))
    rows = -(-len(items) // columns)
    sheet = np.empty((rows * (cell_h + MARGIN) + MARGIN, columns * (cell_w + MARGIN) + MARGIN, 3), np.uint8)
    sheet[:] = PAPER
    for i, (picture, lines) in enumerate(zip(pictures, captions, strict=True)):
        top = MARGIN + i // columns * (cell_h + MARGIN)
        left = MARGIN + i % columns * (cell_w + MARGIN)
        draw_card(sheet[top : top + cell_h, left : left + cell_w], picture, lines, lines_h)
    return encode_png(sheet)


def caption_lines(caption: str, width: int) -> list[str]:
    """Wrapped to so many pixels, and cut off after the fourth line."""
    fits = max(3, (width - 2 * PAD) // (ADVANCE * SCALE))
    lines = [
        part
        for line in caption.split("\n")
        for part in textwrap.wrap(line, fits, break_on_hyphens=False) or [""]
    ]
    return (
        lines
        if len(lines) <= MOST_LINES
        else [*lines[: MOST_LINES - 1], lines[MOST_LINES - 1][: fits - 2] + ".."]
    )


def draw_card(card: np.ndarray, picture: np.ndarray | None, lines: Sequence[str], lines_h: int) -> None:
    """A picture in the middle of what is above the `lines_h` pixels of its caption."""
    card[:] = CARD
    if picture is not None:
        h, w = picture.shape[:2]
        top, left = (card.shape[0] - lines_h - h) // 2, (card.shape[1] - w) // 2
        card[top : top + h, left : left + w] = picture
    for k, line in enumerate(lines):
        ink = draw_text(line, SCALE)[:, : card.shape[1] - 2 * PAD]
        top = card.shape[0] - lines_h + PAD + k * LINE
        card[top : top + ink.shape[0], PAD : PAD + ink.shape[1]][ink] = INK


def stacked(jpegs: Sequence[bytes]) -> bytes:
    """JPEG: pictures below each other, each enlarged by a whole number to about the widest one's width."""
    pictures = [_decode_jpeg(jpeg) for jpeg in jpegs]
    wide = max(picture.shape[1] for picture in pictures)
    pictures = [_enlarged(picture, wide // picture.shape[1] * picture.shape[1]) for picture in pictures]
    sheet = np.empty((sum(len(picture) for picture in pictures), wide, 3), np.uint8)
    sheet[:] = PAPER
    top = 0
    for picture in pictures:
        sheet[top : top + len(picture), : picture.shape[1]] = picture
        top += len(picture)
    return encode_jpeg(sheet, 92)


def stills(file: BinaryIO, side: int = 128) -> bytes:
    """JPEG: three moments of a video side by side, for what has no poster of its own."""
    with open_media(file) as media:
        frames = list(decode_video(media, fps=STILLS_FPS, size=side, span=(0.0, STILLS_S)))
    if not frames:
        raise MediaError("undecodable", "no frame can be decoded")
    picked = [frames[round(share * (len(frames) - 1))] for share in (0.1, 0.5, 0.9)]
    h, w = (length // 2 * 2 for length in picked[0].shape[:2])
    return encode_jpeg(np.concatenate([rgb[:h, :w] for rgb in picked], axis=1))


def _enlarged(picture: np.ndarray, min_width: int) -> np.ndarray:
    times = max(1, -(-min_width // picture.shape[1]))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def _decode_jpeg(jpeg: bytes) -> np.ndarray:
    context: Any = av.CodecContext.create("mjpeg", "r")
    frames = [*context.decode(av.Packet(jpeg)), *context.decode(None)]
    if not frames:
        raise ValueError("a picture of the contact sheet is not a JPEG")
    return frames[0].to_ndarray(format="rgb24")
