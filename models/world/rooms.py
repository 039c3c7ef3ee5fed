"""Paints calm rooms out of focus, to stand behind a head: a codec should spend its bits on faces, not on wallpaper.

A room is painted sharp and small, then blurred as a lens would. It closes on itself from left to right, so
that it may drift sideways without a seam.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

HEIGHT, WIDTH = 96, 128
"""Enough for what is out of focus, whatever the picture's size."""
ROWS_H1, COLUMNS_W = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None], np.arange(WIDTH, dtype=np.float32)
Rng = np.random.Generator


def _f32(values: ArrayLike) -> np.ndarray:
    """A picture in float64 would cost twice the time."""
    return np.asarray(values, np.float32)


WALLS = np.array([[0.86, 0.83, 0.78], [0.78, 0.80, 0.80], [0.62, 0.68, 0.72], [0.70, 0.72, 0.64], [0.72, 0.60, 0.52],
                  [0.45, 0.50, 0.56], [0.36, 0.38, 0.40], [0.80, 0.74, 0.66], [0.30, 0.36, 0.38], [0.55, 0.46, 0.40]],
                 np.float32)  # fmt: skip
WOODS = np.array([[0.42, 0.29, 0.19], [0.62, 0.47, 0.33], [0.25, 0.18, 0.14], [0.85, 0.82, 0.78]], np.float32)
MUTED = np.array([[0.55, 0.22, 0.20], [0.22, 0.33, 0.45], [0.80, 0.74, 0.62], [0.28, 0.40, 0.33], [0.72, 0.56, 0.30],
                  [0.25, 0.24, 0.26], [0.60, 0.62, 0.62]], np.float32)  # fmt: skip


def make_backdrop(rng: Rng) -> np.ndarray:
    """Paints one of ROOMS, in its own colours and light; 0..1."""
    paint, blur = ROOMS[rng.integers(len(ROOMS))]
    picture_HW3 = paint(rng)
    picture_HW3 = picture_HW3 * np.float32(rng.uniform(0.75, 1.05)) * np.float32(rng.uniform(0.97, 1.03, 3))
    return np.clip(_blurred(picture_HW3, blur * rng.uniform(0.75, 1.5)), 0, 1)


def _blurred(picture_HW3: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian along both axes; past the top and bottom the edge goes on, past the sides the other side."""
    rows_H, columns_W = np.arange(HEIGHT), np.arange(WIDTH)
    down_HH = np.abs(rows_H[:, None] - rows_H)
    across_WW = np.abs(columns_W[:, None] - columns_W)
    down_HH, across_WW = _weights(down_HH, sigma), _weights(np.minimum(across_WW, WIDTH - across_WW), sigma)
    picture_H3W = (down_HH @ picture_HW3.reshape(HEIGHT, -1)).reshape(HEIGHT, WIDTH, 3).swapaxes(1, 2)
    picture_NW = (
        np.ascontiguousarray(picture_H3W).reshape(-1, WIDTH) @ across_WW
    )  # one product, not one a row
    return np.ascontiguousarray(picture_NW.reshape(HEIGHT, 3, WIDTH).swapaxes(1, 2))


def _weights(distance_NN: np.ndarray, sigma: float) -> np.ndarray:
    """Cut at seven sigma: the tiny numbers beyond would cost a processor ten times a common one's time."""
    steps_NN = np.float32(distance_NN / sigma)
    weights_NN = np.where(steps_NN < 7, np.exp(-0.5 * steps_NN**2), np.float32(0))
    return weights_NN / weights_NN.sum(1, keepdims=True)


def _one(rng: Rng, colours_N3: np.ndarray, vary: float = 0.06) -> np.ndarray:
    return colours_N3[rng.integers(len(colours_N3))] * np.float32(1 + rng.uniform(-vary, vary))


def _wall(rng: Rng, colour_3: np.ndarray | None = None) -> np.ndarray:
    """A wall that a lamp or a window lights from one side and from above."""
    colour_3 = _one(rng, WALLS) if colour_3 is None else colour_3
    side_W = 1 + np.float32(rng.uniform(0.03, 0.16)) * np.cos((COLUMNS_W / WIDTH - rng.uniform()) * 2 * np.pi)
    light_HW1 = (side_W * (1 + np.float32(rng.uniform(-0.12, 0.12)) * (ROWS_H1 - 0.5)))[..., None]
    return _f32(light_HW1) * colour_3


def _box(picture_HW3: np.ndarray, x: float, y: float, wide: float, high: float, colour_3: np.ndarray) -> None:
    """Painted in place, in shares of height and width; what leaves at the right comes back at the left."""
    top, bottom = max(round(y * HEIGHT), 0), max(round((y + high) * HEIGHT), 0)
    columns = np.arange(round(x * WIDTH), max(round((x + wide) * WIDTH), round(x * WIDTH) + 1)) % WIDTH
    picture_HW3[top:bottom, columns] = colour_3


def _glow(x: float, y: float, reach: float) -> np.ndarray:
    """HW1: a soft round light, 1 in its middle; `reach` as a share of the height."""
    away_W = np.abs(COLUMNS_W - x * WIDTH)
    away_W = np.minimum(away_W, WIDTH - away_W) / HEIGHT
    return np.exp(-(away_W**2 + (ROWS_H1 - y) ** 2) / np.float32(reach**2))[..., None]


def _disc(
    picture_HW3: np.ndarray, x: float, y: float, radius: float, colour_3: np.ndarray, cover: float
) -> None:
    """What a lens makes of a far light: an even disc. In pixels of the picture; painted in place."""
    reach = int(radius + 1)
    rows = np.arange(max(int(y) - reach, 0), min(int(y) + reach + 1, HEIGHT))[:, None]
    columns = np.arange(int(x) - reach, int(x) + reach + 1)
    rows, columns = np.nonzero((rows - y) ** 2 + (columns - x) ** 2 < radius**2)
    rows, columns = rows + max(int(y) - reach, 0), (columns + int(x) - reach) % WIDTH
    picture_HW3[rows, columns] += np.float32(cover) * (colour_3 - picture_HW3[rows, columns])


def _studio(rng: Rng) -> np.ndarray:
    """A paper roll with a spot of light behind the head."""
    colour_3 = _one(rng, WALLS, 0.2)
    glow_HW1 = _glow(rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.6), rng.uniform(0.4, 0.9))
    return colour_3 * (np.float32(rng.uniform(0.45, 0.8)) + np.float32(0.35) * glow_HW1)


def _window(rng: Rng) -> np.ndarray:
    """A wall with a window full of daylight, its frame, and the light it throws on the wall."""
    picture_HW3 = _wall(rng) * np.float32(0.75)
    x, y, wide, high = (
        rng.uniform(0, 1),
        rng.uniform(0.05, 0.2),
        rng.uniform(0.18, 0.34),
        rng.uniform(0.45, 0.7),
    )
    picture_HW3 += np.float32(0.25) * _glow(x + wide / 2, y + high / 2, 0.6)
    _box(
        picture_HW3, x - 0.02, y - 0.03, wide + 0.04, high + 0.06, np.float32(0.9) * WOODS[rng.choice([1, 3])]
    )
    panes, sky_3 = int(rng.integers(1, 4)), _f32([0.86, 0.92, 0.98]) * np.float32(rng.uniform(0.9, 1.0))
    for pane in range(panes):
        left = x + pane * wide / panes + 0.006
        _box(picture_HW3, left, y, wide / panes - 0.012, high, sky_3)
        _box(picture_HW3, left, y + high * 0.7, wide / panes - 0.012, high * 0.3, sky_3 * (0.78, 0.86, 0.76))
    return picture_HW3


def _shelves(rng: Rng) -> np.ndarray:
    """Boards with runs of muted books, gaps between them, here and there a pot."""
    picture_HW3, wood_3 = _wall(rng), _one(rng, WOODS)
    first, last, rows = rng.uniform(0, 1), rng.uniform(0.45, 0.9), int(rng.integers(3, 5))
    for row in range(rows):
        floor, x = (row + 1) / rows - 0.02, first
        _box(picture_HW3, first, row / rows, last, 1 / rows, picture_HW3[0, 0] * np.float32(0.72))
        while x < first + last - 0.05:
            wide, high = rng.uniform(0.015, 0.04), rng.uniform(0.55, 0.85) / rows
            if rng.random() < 0.8:
                _box(picture_HW3, x, floor - high, wide, high, _one(rng, MUTED, 0.25) * np.float32(0.85))
            x += wide if rng.random() < 0.85 else wide + rng.uniform(0.02, 0.12)
        _box(picture_HW3, first, floor, last, 0.035, wood_3)
    return picture_HW3


def _curtain(rng: Rng) -> np.ndarray:
    """Vertical folds that wander a little; light comes through from one side."""
    folds, phase = int(rng.integers(7, 14)), rng.uniform(0, 6)
    turn_W = COLUMNS_W / WIDTH * 2 * np.pi
    wave_W = np.sin(folds * turn_W + phase + rng.uniform(0.5, 1.2) * np.sin(2 * turn_W + phase))
    depth = np.float32(rng.uniform(0.06, 0.14))
    return _wall(rng) * _f32(1 - depth + depth * wave_W)[:, None]


def _plants(rng: Rng) -> np.ndarray:
    """A wall with one or two leafy plants in pots."""
    picture_HW3, green_3 = _wall(rng), _f32([0.20, 0.36, 0.17]) * np.float32(rng.uniform(0.8, 1.3))
    for _ in range(int(rng.integers(1, 3))):
        x, y, reach = rng.uniform(0, WIDTH), rng.uniform(0.35, 0.6) * HEIGHT, rng.uniform(14, 24)
        _box(picture_HW3, (x - 8) / WIDTH, y / HEIGHT + 0.22, 16 / WIDTH, 0.3, _one(rng, MUTED))
        for angle, far in zip(rng.uniform(0, 2 * np.pi, 20), rng.uniform(0.1, 1, 20), strict=True):
            place = x + reach * far * np.cos(angle), y + reach * far * np.sin(angle) * 1.2
            _disc(picture_HW3, *place, rng.uniform(2.5, 6), green_3 * np.float32(rng.uniform(0.7, 1.5)), 0.8)
    return picture_HW3


def _panels(rng: Rng) -> np.ndarray:
    """A living room: skirting or panelling below, pictures above, perhaps a lamp."""
    picture_HW3, wood_3 = _wall(rng), _one(rng, WOODS)
    _box(
        picture_HW3, 0, rng.uniform(0.7, 0.9), 1, 0.5, picture_HW3[0, 0] * np.float32(rng.uniform(0.6, 0.85))
    )
    for x in np.arange(int(rng.integers(1, 4))) * 0.3 + rng.uniform():
        wide, high, y = rng.uniform(0.1, 0.2), rng.uniform(0.2, 0.35), rng.uniform(0.1, 0.25)
        _box(picture_HW3, x, y, wide, high, wood_3 * np.float32(0.7))
        _box(picture_HW3, x + 0.015, y + 0.02, wide - 0.03, high - 0.04, _one(rng, MUTED, 0.2))
    lamp_HW1 = _glow(rng.uniform(), rng.uniform(0.2, 0.5), rng.uniform(0.15, 0.3))
    return picture_HW3 + np.float32(rng.choice([0, 0.5])) * lamp_HW1 * _f32([1, 0.82, 0.55])


def _bokeh(rng: Rng) -> np.ndarray:
    """An evening indoors: warm lights far behind, each an even disc."""
    picture_HW3 = _wall(rng, _f32([0.22, 0.16, 0.13]) * np.float32(rng.uniform(0.6, 1.3)))
    lights = _f32([[1, 0.75, 0.42], [1, 0.86, 0.62], [0.95, 0.55, 0.30], [0.65, 0.72, 0.85]])
    radius = rng.uniform(3.5, 7)
    for x, y in zip(rng.uniform(0, WIDTH, 18), rng.normal(0.4, 0.2, 18) * HEIGHT, strict=True):
        _disc(picture_HW3, x, y, radius * rng.uniform(0.8, 1.2), _one(rng, lights), rng.uniform(0.15, 0.6))
    return picture_HW3


def _night(rng: Rng) -> np.ndarray:
    """A city at night behind glass: a sky with a glow, dark blocks, lit windows."""
    sky_H13 = _f32([0.05, 0.07, 0.14]) + ROWS_H1[..., None] * _f32([0.14, 0.10, 0.14])
    picture_HW3, x = np.broadcast_to(sky_H13, (HEIGHT, WIDTH, 3)).copy(), 0.0
    while x < 1:
        wide, top = rng.uniform(0.07, 0.16), rng.uniform(0.15, 0.6)
        _box(picture_HW3, x, top, min(wide, 1 - x), 1, _f32([0.06, 0.07, 0.10]) * rng.uniform(0.6, 1.6))
        for column, row in rng.uniform((0, top + 0.03), (1, 1), (int(rng.integers(2, 9)), 2)):
            warm_3 = _f32([1, 0.80, 0.50]) if rng.random() < 0.75 else _f32([0.7, 0.85, 1])
            _box(picture_HW3, x + column * wide * 0.7, row, 0.018, 0.035, warm_3 * rng.uniform(0.6, 1.1))
        x += wide
    return picture_HW3


def _garden(rng: Rng) -> np.ndarray:
    """Outdoors on a dull day: sky, a line of trees, grass."""
    hill_W = 0.45 + 0.06 * np.sin(COLUMNS_W / WIDTH * 2 * np.pi * rng.integers(2, 5) + rng.uniform(0, 6))
    sky_3, tree_3 = (
        _f32([0.80, 0.86, 0.92]),
        _f32([0.24, 0.34, 0.20]) * np.float32(rng.uniform(0.8, 1.4)),
    )
    trees_HW1, ground = (hill_W < ROWS_H1)[..., None], np.float32(rng.uniform(0.68, 0.8))
    picture_HW3 = np.where(trees_HW1, tree_3, sky_3)
    picture_HW3[int(ground * HEIGHT) :] = _f32([0.48, 0.55, 0.32])
    for x, y in zip(rng.uniform(0, WIDTH, 20), rng.uniform(0.4, ground, 20) * HEIGHT, strict=True):
        _disc(picture_HW3, x, y, rng.uniform(3, 9), tree_3 * np.float32(rng.uniform(0.7, 1.4)), 0.6)
    return picture_HW3


ROOMS: tuple[tuple[Callable[[Rng], np.ndarray], float], ...] = (
    (_studio, 6.0), (_wall, 6.0), (_window, 2.5), (_shelves, 2.2), (_curtain, 2.5), (_plants, 2.2),
    (_panels, 2.5), (_bokeh, 1.0), (_night, 1.8), (_garden, 3.5),
)  # fmt: skip
"""Each with its blur in pixels: lights far away keep their edge, a bookshelf must not."""
