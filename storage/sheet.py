"""Pictures with captions on one PNG: the quickest way to see what a stage let through or threw out."""

from collections.abc import Sequence
from typing import Any

import av
import numpy as np

from storage.encode import encode_png
from storage.font import ADVANCE, HEIGHT, draw_text

PAPER, CARD, INK = (24, 26, 30), (38, 41, 47), (222, 226, 232)
MARGIN, SCALE = 10, 2
CAPTION = HEIGHT * SCALE + 2 * 6


def contact_sheet(items: Sequence[tuple[bytes, str]], columns: int = 5) -> bytes:
    """`items` are (JPEG bytes, caption), laid out row by row in cells as large as the largest picture."""
    if not items:
        raise ValueError("a contact sheet needs at least one picture")
    pictures = [_decode_jpeg(jpeg) for jpeg, _ in items]
    cell_h = max(p.shape[0] for p in pictures) + CAPTION
    cell_w = max(p.shape[1] for p in pictures)
    columns = min(columns, len(items))
    rows = -(-len(items) // columns)
    sheet = np.empty((rows * (cell_h + MARGIN) + MARGIN, columns * (cell_w + MARGIN) + MARGIN, 3), np.uint8)
    sheet[:] = PAPER
    for i, (picture, (_, caption)) in enumerate(zip(pictures, items, strict=True)):
        top = MARGIN + i // columns * (cell_h + MARGIN)
        left = MARGIN + i % columns * (cell_w + MARGIN)
        _draw_card(sheet[top : top + cell_h, left : left + cell_w], picture, caption)
    return encode_png(sheet)


def _draw_card(card: np.ndarray, picture: np.ndarray, caption: str) -> None:
    card[:] = CARD
    h, w = picture.shape[:2]
    top, left = (card.shape[0] - CAPTION - h) // 2, (card.shape[1] - w) // 2
    card[top : top + h, left : left + w] = picture
    fits = max(1, (card.shape[1] - 12) // (ADVANCE * SCALE))
    shown = caption if len(caption) <= fits else caption[: max(1, fits - 2)] + ".."
    ink = draw_text(shown, SCALE)[:, : card.shape[1] - 12]
    area = card[-CAPTION + 6 : -6, 6 : 6 + ink.shape[1]]
    area[ink] = INK


def _decode_jpeg(jpeg: bytes) -> np.ndarray:
    context: Any = av.CodecContext.create("mjpeg", "r")
    frames = [*context.decode(av.Packet(jpeg)), *context.decode(None)]
    if not frames:
        raise ValueError("a picture of the contact sheet is not a JPEG")
    return frames[0].to_ndarray(format="rgb24")
