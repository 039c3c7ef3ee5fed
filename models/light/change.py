"""One change of light over time, for any number of videos of one scene: a gain per colour at every place and moment.

    change = draw_change(seed, Ranges())
    for f, rgb_HWC in enumerate(frames): relit(change, rgb_HWC, f / fps)

Whatever follows from the numbers below is a function of them, the second and the place, and of nothing else, so
two videos get the very same light. Gains multiply linear light: black stays black. A stop is a factor of two.
Places are shares of the picture: x from -1 at its left edge to 1 at its right, y from -1 at its top to 1 below.
"""

from dataclasses import dataclass

import numpy as np

from models.light.linear import multiplied

UNEVEN_BEAT = 1.618
"""A lamp's second flicker over its first: together they do not repeat within a clip."""


@dataclass(frozen=True, kw_only=True)
class LightChange:
    """Four changes at once; one whose stops are 0 is none."""

    seed: int
    """What the numbers were drawn from."""
    exposure: float = 1.0
    """Factor on all of it, so that little turns white."""
    direction_stops: float = 0.0
    """A soft slope of light: brighter by so many stops at the edge than in the middle, at most."""
    direction_angle: float = 0.0
    """Whence the light comes on the whole, radians: 0 from the right, pi/2 from below."""
    direction_swing: float = 0.0
    """Radians by which it moves to either side."""
    direction_hz: float = 0.0
    direction_phase: float = 0.0
    """Radians."""
    warmth_stops: float = 0.0
    """Red gains half of it and blue loses half, and back."""
    tint_stops: float = 0.0
    """The same for green over the two others."""
    colour_hz: float = 0.0
    colour_phase: float = 0.0
    flicker_stops: float = 0.0
    """By how much a lamp darkens, at most."""
    flicker_hz: float = 0.0
    flicker_phase: float = 0.0
    spot_stops: float = 0.0
    """Brightness of the middle of a soft disc; below 0 it is a shadow."""
    spot_radius: float = 1.0
    spot_x: float = 0.0
    """The middle of the ellipse on which it travels."""
    spot_y: float = 0.0
    spot_reach_x: float = 0.0
    """Half the axes of that ellipse."""
    spot_reach_y: float = 0.0
    spot_hz: float = 0.0
    spot_phase: float = 0.0

    def kinds(self) -> tuple[str, ...]:
        """Which of the four it has."""
        stops = {
            "direction": self.direction_stops,
            "colour": abs(self.warmth_stops) + abs(self.tint_stops),
            "flicker": self.flicker_stops,
            "spot": self.spot_stops,
        }
        return tuple(kind for kind, size in stops.items() if size)


def gain(change: LightChange, second: float, height: int, width: int) -> np.ndarray:
    """float32 (H, W, C): what the linear light at every place is multiplied by."""
    y_H = (np.arange(height, dtype=np.float32) + 0.5) * (2 / height) - 1
    x_W = (np.arange(width, dtype=np.float32) + 0.5) * (2 / width) - 1
    gain_HW = _slope(change, second, y_H, x_W) * _spot(change, second, y_H, x_W)
    return gain_HW[..., None] * (_colour(change, second) * np.float32(_level(change, second)))


def relit(change: LightChange, rgb_HWC: np.ndarray, second: float) -> np.ndarray:
    """The frame that is shown at `second`, in that light; bytes as they came."""
    return multiplied(rgb_HWC, gain(change, second, *rgb_HWC.shape[:2]))


def _wave(hertz: float, phase: float, second: float) -> float:
    return float(np.sin(2 * np.pi * hertz * second + phase))


def _slope(change: LightChange, second: float, y_H: np.ndarray, x_W: np.ndarray) -> np.ndarray:
    """Its direction swings, and its strength comes and goes between a half and the whole, at another pace."""
    turn = _wave(change.direction_hz, change.direction_phase, second)
    angle = change.direction_angle + change.direction_swing * turn
    strength = 0.75 + 0.25 * _wave(0.7 * change.direction_hz, 2 * change.direction_phase, second)
    stops = np.float32(change.direction_stops * strength)
    return np.outer(
        np.exp2(stops * np.float32(np.sin(angle)) * y_H), np.exp2(stops * np.float32(np.cos(angle)) * x_W)
    )


def _spot(change: LightChange, second: float, y_H: np.ndarray, x_W: np.ndarray) -> np.ndarray:
    if not change.spot_stops:
        return np.ones((1, 1), np.float32)
    turn = 2 * np.pi * change.spot_hz * second + change.spot_phase
    x = np.float32(change.spot_x + change.spot_reach_x * np.cos(turn))
    y = np.float32(change.spot_y + change.spot_reach_y * np.sin(turn))
    radius = np.float32(change.spot_radius)
    disc_HW = np.outer(np.exp(-(((y_H - y) / radius) ** 2)), np.exp(-(((x_W - x) / radius) ** 2)))
    return 1 + np.float32(2.0**change.spot_stops - 1) * disc_HW


def _colour(change: LightChange, second: float) -> np.ndarray:
    wave = _wave(change.colour_hz, change.colour_phase, second)
    warmth, tint = 0.5 * change.warmth_stops * wave, 0.5 * change.tint_stops * wave
    return np.exp2(np.array([warmth - tint, tint, -warmth - tint], np.float32))


def _level(change: LightChange, second: float) -> float:
    wave = 0.7 * _wave(change.flicker_hz, change.flicker_phase, second)
    wave += 0.3 * _wave(UNEVEN_BEAT * change.flicker_hz, 3 * change.flicker_phase, second)
    return change.exposure * 2.0 ** (-change.flicker_stops * (0.5 + 0.5 * wave))
