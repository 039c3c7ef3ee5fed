"""Many clips on one screen, each in a loop: movement shows what a contact sheet hides."""

import io
from collections.abc import Iterator, Sequence

import numpy as np

from storage.drawing.cards import MARGIN, PAPER, caption_height, caption_lines, draw_card, fill
from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from storage.media.encode import encode_video
from storage.media.stream import declared_seconds

RATE = 16000


def mosaic(
    videos: Sequence[tuple[bytes, str]],
    columns: int = 5,
    side: int = 192,
    seconds: float = 6.0,
    fps: float = 25.0,
    heard: int | None = None,
) -> bytes:
    """MP4 of (video bytes, caption), row by row; `heard` is the number of the one whose sound is kept.

    Memory holds one frame of each and a decoder, however long they are.
    """
    if not videos:
        raise ValueError("a mosaic needs at least one video")
    count = max(1, round(seconds * fps))
    sound = _looped_sound(videos[heard][0], fps, count) if heard is not None else None
    return encode_video(None, _frames(videos, min(columns, len(videos)), side, count, fps), fps, sound, RATE)


def _frames(
    videos: Sequence[tuple[bytes, str]], columns: int, side: int, count: int, fps: float
) -> Iterator[np.ndarray]:
    """Always the same array, drawn anew: the encoder has taken what it needs."""
    captions = [caption_lines(caption, side) for _, caption in videos]
    below = caption_height(captions)
    rows = -(-len(videos) // columns)
    height, width = rows * (side + below + MARGIN) + MARGIN, columns * (side + MARGIN) + MARGIN
    screen = np.empty((height + height % 2, width + width % 2, 3), np.uint8)
    fill(screen, PAPER)
    tiles = []
    for i, lines in enumerate(captions):
        top, left = MARGIN + i // columns * (side + below + MARGIN), MARGIN + i % columns * (side + MARGIN)
        card = screen[top : top + side + below, left : left + side]
        draw_card(card, None, lines, below)
        tiles.append(card[:side])
    players = [_loop(video, caption, side, fps) for video, caption in videos]
    for _ in range(count):
        for tile, player in zip(tiles, players, strict=True):
            picture = next(player)
            top, left = ((side - length) // 2 for length in picture.shape[:2])
            tile[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        yield screen


def _loop(video: bytes, caption: str, side: int, fps: float) -> Iterator[np.ndarray]:
    while True:
        played = 0
        with open_media(io.BytesIO(video)) as media:
            assert media.video is not None
            longer = max(media.video.width, media.video.height)
            size = tuple(max(2, round(px * side / longer)) for px in (media.video.width, media.video.height))
            for rgb in decode_video(media, fps=fps, size=(size[0], size[1])):
                played += 1
                yield rgb
        if not played:
            raise ValueError(f"no frame of {caption!r} can be decoded")


def _looped_sound(video: bytes, fps: float, count: int) -> np.ndarray | None:
    """Repeats with its picture; None when there is no sound track."""
    with open_media(io.BytesIO(video)) as media:
        if media.audio is None or media.video is None:
            return None
        frames = max(1, round((declared_seconds(media.video) or count / fps) * fps))
        once = decode_audio(media, rate=RATE, span=(0.0, frames / fps)).samples
    padded = np.zeros(round(frames / fps * RATE), np.float32)
    padded[: len(once)] = once[: len(padded)]
    return np.resize(padded, round(count / fps * RATE))
