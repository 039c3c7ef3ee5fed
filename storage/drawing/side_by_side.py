"""Films beside each other, as a picture of some moments and as a video with sound: the same person, made differently.

N films of F frames, H by W pixels.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from storage.drawing.cards import FACTS, MARGIN, PAPER, fill
from storage.drawing.lettering import SMALL, line_height, paint, text_mask
from storage.media.encode import encode_video
from storage.media.images import encode_png

MOMENTS = 3
SIDE = 128
"""Pixels that a picture is wide at least, or up to twice as many at most."""
GAP = 2


def film_grid(versions: Mapping[str, np.ndarray], moments: int = MOMENTS) -> bytes:
    """PNG: a row a film, and in it some moments with all versions side by side. uint8 (N, F, H, W, 3) each."""
    first = next(iter(versions.values()))
    picked = [round((number + 0.5) * first.shape[1] / moments) for number in range(moments)]
    rows = [
        _joined([_strip([film[row, at] for film in versions.values()]) for at in picked], 1, MARGIN)
        for row in range(len(first))
    ]
    labels = _joined([_labels(list(versions), first.shape[3]) for _ in picked], 1, MARGIN)
    return encode_png(_joined([labels, *rows], 0, GAP))


def film_video(
    versions: Mapping[str, np.ndarray], sounds: Sequence[np.ndarray], fps: float, rate: int
) -> bytes:
    """MP4: one film after the other with its sound, all versions of it side by side."""
    return encode_video(None, _frames(versions), fps, np.concatenate(sounds), rate)


def _frames(versions: Mapping[str, np.ndarray]) -> Iterator[np.ndarray]:
    first = next(iter(versions.values()))
    labels = _labels(list(versions), first.shape[3])
    for row in range(len(first)):
        for at in range(first.shape[1]):
            yield _even(_joined([labels, _strip([film[row, at] for film in versions.values()])], 0, GAP))


def _strip(pictures: Sequence[np.ndarray]) -> np.ndarray:
    return _joined([fitted(one) for one in pictures], 1, GAP)


def _labels(names: Sequence[str], width: int) -> np.ndarray:
    wide = fitted(np.zeros((1, width, 3), np.uint8)).shape[1]
    made = []
    for name in names:
        label = np.empty((line_height(SMALL), wide, 3), np.uint8)
        fill(label, PAPER)
        paint(label, text_mask(name, SMALL), FACTS)
        made.append(label)
    return _joined(made, 1, GAP)


def fitted(picture: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Enlarges a small picture or shrinks a large one, by a whole number, to at least `side` pixels in width."""
    width = picture.shape[1]
    if width < side:
        times = -(-side // width)
        return picture.repeat(times, axis=0).repeat(times, axis=1)
    every = width // side
    return picture[every // 2 :: every, every // 2 :: every] if len(picture) > every else picture[:, ::every]


def _joined(parts: Sequence[np.ndarray], axis: int, gap: int) -> np.ndarray:
    between = list(parts[0].shape)
    between[axis] = gap
    paper = np.empty(between, np.uint8)
    fill(paper, PAPER)
    pieces = [piece for part in parts for piece in (paper, part)][1:]
    return np.concatenate(pieces, axis=axis)


def _even(picture: np.ndarray) -> np.ndarray:
    """H.264 takes no odd sizes."""
    high, wide = (side % 2 for side in picture.shape[:2])
    return np.pad(picture, ((0, high), (0, wide), (0, 0)), mode="edge")
