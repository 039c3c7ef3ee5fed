"""Pictures with captions on one PNG: the quickest way to see what a stage let through or threw out."""

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from PIL import Image

from storage.drawing.cards import MARGIN, PAPER, caption_height, caption_lines, draw_card, fill
from storage.media.container import MediaError, open_media
from storage.media.decode import decode_video
from storage.media.images import decode_image, encode_jpeg, encode_png

MOST_WIDTH = 720
"""Pixels of a picture on a sheet: three frames of 512 pixels beside each other are more than anybody's screen has."""
STILLS_S, STILLS_FPS = 10.0, 2.0
"""A poster is from the first seconds: a recording of hours is not read for it."""


def contact_sheet(items: Sequence[tuple[bytes | None, str]], columns: int = 5, min_width: int = 0) -> bytes:
    """`items` are (JPEG bytes, caption), laid out row by row in cells as large as the largest picture.

    None is an item without a picture. Captions are wrapped. Pictures narrower than `min_width` are enlarged
    by a whole number, those wider than MOST_WIDTH shrunk by one.
    """
    if not items:
        raise ValueError("a contact sheet needs at least one picture")
    pictures = [_enlarged(_decoded(jpeg), min_width) if jpeg is not None else None for jpeg, _ in items]
    known = [p.shape for p in pictures if p is not None] or [(64, max(min_width, 192))]
    cell_w = max(shape[1] for shape in known)
    captions = [caption_lines(caption, cell_w) for _, caption in items]
    below = caption_height(captions)
    cell_h = max(shape[0] for shape in known) + below
    columns = min(columns, len(items))
    rows = -(-len(items) // columns)
    sheet = np.empty((rows * (cell_h + MARGIN) + MARGIN, columns * (cell_w + MARGIN) + MARGIN, 3), np.uint8)
    fill(sheet, PAPER)
    for i, (picture, lines) in enumerate(zip(pictures, captions, strict=True)):
        top = MARGIN + i // columns * (cell_h + MARGIN)
        left = MARGIN + i % columns * (cell_w + MARGIN)
        draw_card(sheet[top : top + cell_h, left : left + cell_w], picture, lines, below)
    return encode_png(sheet)


def stacked(jpegs: Sequence[bytes]) -> bytes:
    """JPEG: pictures below each other, each enlarged by a whole number to about the widest one's width."""
    pictures = [_decoded(jpeg) for jpeg in jpegs]
    wide = max(picture.shape[1] for picture in pictures)
    pictures = [_enlarged(picture, wide // picture.shape[1] * picture.shape[1]) for picture in pictures]
    sheet = np.empty((sum(len(picture) for picture in pictures), wide, 3), np.uint8)
    fill(sheet, PAPER)
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
    return picture.repeat(times, axis=0).repeat(times, axis=1) if times > 1 else picture


def _decoded(jpeg: bytes) -> np.ndarray:
    try:
        picture = decode_image(jpeg)
    except ValueError as error:
        raise ValueError(f"a picture of the contact sheet can't be shown: {error}") from error
    times = -(-picture.shape[1] // MOST_WIDTH)
    return np.asarray(Image.fromarray(picture).reduce(times)) if times > 1 else picture
