"""Curves as a picture: panels with lines over steps, drawn by Pillow with the letters of all our pictures.

png = encode_png(plot([Panel("loss", {"loss": [(1, 0.9), (2, 0.8)]})]))
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from storage.drawing.cards import CARD, FACTS, MARGIN, NAME, PAPER, fill
from storage.drawing.lettering import SMALL, line_height, paint, text_mask, text_width

WIDE, HIGH, COLUMNS = 460, 260, 2
LEFT, RIGHT, TOP, BELOW = 58, 14, 44, 26
"""Around the area that curves are drawn in."""
FINE = 2
"""Lines are drawn so many times as large, and shrunk."""
INKS = ((92, 172, 255), (255, 158, 74), (112, 204, 120), (230, 110, 150), (178, 150, 255), (220, 204, 96))
GRID = (62, 66, 74)

Points = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Panel:
    """One drawing: some curves over the same steps."""

    title: str
    curves: Mapping[str, Points]
    logarithmic: bool = False
    """Of the values; only where all are above zero."""
    from_zero: bool = False
    """The lowest value shown is 0."""
    faint: Mapping[str, Points] | None = None
    """What a curve of the same name was smoothed from: drawn behind it."""


def plot(panels: Sequence[Panel]) -> np.ndarray:
    """Returns a picture (H, W, 3) of all panels that have points, two a row."""
    shown = [one for one in panels if any(one.curves.values())]
    if not shown:
        raise ValueError("there is nothing to draw: none of the curves has a point")
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    made = np.empty((rows * (HIGH + MARGIN) + MARGIN, columns * (WIDE + MARGIN) + MARGIN, 3), np.uint8)
    fill(made, PAPER)
    for number, panel in enumerate(shown):
        top = MARGIN + number // columns * (HIGH + MARGIN)
        left = MARGIN + number % columns * (WIDE + MARGIN)
        made[top : top + HIGH, left : left + WIDE] = _panel(panel)
    return made


def _panel(panel: Panel) -> np.ndarray:
    axes = _axes(panel)
    image = Image.new("RGB", (WIDE * FINE, HIGH * FINE), CARD)
    draw = ImageDraw.Draw(image)
    for value in axes.ticks:
        y = axes.y(value)
        draw.line([(LEFT * FINE, y * FINE), ((WIDE - RIGHT) * FINE, y * FINE)], GRID, FINE)
    for name, points in (panel.faint or {}).items():
        _line(draw, axes, points, _mixed(_ink(panel, name)), FINE)
    for name, points in panel.curves.items():
        _line(draw, axes, points, _ink(panel, name), 2 * FINE)
    area = np.array(image.resize((WIDE, HIGH), Image.Resampling.BOX))
    _letters(area, panel, axes)
    return area


@dataclass(frozen=True)
class _Axes:
    """Where a step and a value lie, in pixels of a panel."""

    steps: tuple[int, int]
    values: tuple[float, float]
    ticks: tuple[float, ...]
    logarithmic: bool

    def x(self, step: float) -> float:
        first, last = self.steps
        return LEFT + (WIDE - LEFT - RIGHT) * (step - first) / max(last - first, 1)

    def y(self, value: float) -> float:
        low, high = (self._on(one) for one in self.values)
        return HIGH - BELOW - (HIGH - BELOW - TOP) * (self._on(value) - low) / (high - low)

    def _on(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value


def _axes(panel: Panel) -> _Axes:
    points = [point for curve in panel.curves.values() for point in curve if math.isfinite(point[1])]
    values = [value for _, value in points] or [0.0]
    steps = [step for step, _ in points] or [0]
    low, high = min([*values, *([0.0] if panel.from_zero else [])]), max(values)
    logarithmic = panel.logarithmic and low > 0 and high > 3 * low
    if high - low < 1e-9 * max(abs(high), 1):
        low, high = low - max(abs(low) / 10, 0.1), high + max(abs(high) / 10, 0.1)
    ticks = _decades(low, high) if logarithmic else _round_numbers(low, high)
    return _Axes((min(steps), max(steps)), (low, high), ticks, logarithmic)


def _round_numbers(low: float, high: float) -> tuple[float, ...]:
    """Multiples of 1, 2 or 5 times a power of ten: three to six of them."""
    rough = (high - low) / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(one * power for one in (1, 2, 5, 10) if one * power >= rough)
    return tuple(step * number for number in range(math.ceil(low / step), math.floor(high / step) + 1))


def _decades(low: float, high: float) -> tuple[float, ...]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [one * 10.0**power for power in powers for one in (1, 2, 5)]
    inside = [tick for tick in ticks if low <= tick <= high]
    whole = [tick for tick in inside if f"{tick:e}".startswith("1.0")]
    return tuple(whole if len(inside) > 6 else inside)


def _line(draw: ImageDraw.ImageDraw, axes: _Axes, points: Points, ink: tuple[int, ...], wide: int) -> None:
    there = [
        (axes.x(step) * FINE, axes.y(min(max(value, axes.values[0]), axes.values[1])) * FINE)
        for step, value in points
        if math.isfinite(value)
    ]
    if len(there) == 1:
        (x, y), reach = there[0], 2 * FINE
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), ink)
    elif there:
        draw.line(there, ink, wide, "curve")


def _ink(panel: Panel, name: str) -> tuple[int, int, int]:
    return INKS[list(panel.curves).index(name) % len(INKS)]


def _mixed(ink: tuple[int, int, int]) -> tuple[int, ...]:
    return tuple((one + 2 * paper) // 3 for one, paper in zip(ink, CARD, strict=True))


def _letters(area: np.ndarray, panel: Panel, axes: _Axes) -> None:
    paint(area[6:, 12:], text_mask(panel.title), NAME)
    left = 12
    if len(panel.curves) > 1:
        for name in panel.curves:
            paint(area[26:, left:], text_mask(name, SMALL), _ink(panel, name))
            left += round(text_width(name, SMALL)) + 12
    half = line_height(SMALL) // 2
    for value in axes.ticks:
        text = f"{value:.4g}"
        at = LEFT - 6 - round(text_width(text, SMALL))
        paint(area[round(axes.y(value)) - half :, max(at, 0) :], text_mask(text, SMALL), FACTS)
    for step in dict.fromkeys(axes.steps):
        text = f"{step:,}"
        at = min(round(axes.x(step)), WIDE - RIGHT - round(text_width(text, SMALL)))
        paint(area[HIGH - BELOW + 5 :, at:], text_mask(text, SMALL), FACTS)
