"""Draws a change of light from a seed, and sets its exposure by the pictures that it is for.

N counts pictures, H and W are rows and columns, C red, green and blue.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from models.light.change import LightChange, gain
from models.light.linear import decoded

Kind = Literal["direction", "colour", "flicker", "spot"]
KINDS: tuple[Kind, ...] = ("direction", "colour", "flicker", "spot")
LEAST = 0.4
"""Of the most that is allowed: less would hardly be seen."""
WHITE = 0.97
"""What is brighter before is not counted as turning white."""
SIDE = 64
"""Rows and columns at which a picture is looked at to set the exposure."""
Rng = np.random.Generator


@dataclass(frozen=True)
class Ranges:
    """How strong a change may be, in stops, how fast, and how often each kind of it is there."""

    direction_stops: float
    colour_stops: float
    flicker_stops: float
    spot_stops: float
    hertz: float
    """The fastest slow movement; flicker is quicker."""
    kinds: tuple[Kind, ...]
    chance: float
    """Of each kind; where none comes up, one of them is taken."""


def draw_change(seed: int, ranges: Ranges) -> LightChange:
    """The same seed and ranges give the same change, and a kind's numbers do not depend on the other kinds."""
    rng = np.random.default_rng([seed, len(KINDS)])
    chosen = {kind for kind, draw in zip(KINDS, rng.random(len(KINDS)), strict=True) if draw < ranges.chance}
    kinds = [kind for kind in ranges.kinds if kind in chosen]
    kinds = kinds or [ranges.kinds[int(rng.integers(len(ranges.kinds)))]]
    numbers: dict[str, float] = {}
    for kind in kinds:
        numbers |= _of_kind(kind, np.random.default_rng([seed, KINDS.index(kind)]), ranges)
    return LightChange(seed=seed, **numbers)


def _of_kind(kind: Kind, rng: Rng, ranges: Ranges) -> dict[str, float]:
    share, turn = rng.uniform(LEAST, 1.0), rng.uniform(0, 2 * np.pi)
    hertz = ranges.hertz * rng.uniform(0.3, 1.0)
    if kind == "direction":
        return _direction(rng, share * ranges.direction_stops, hertz, turn)
    if kind == "colour":
        return _colour(rng, share * ranges.colour_stops, hertz, turn)
    if kind == "flicker":
        return {
            "flicker_stops": share * ranges.flicker_stops,
            "flicker_hz": rng.uniform(3.0, 11.0),
            "flicker_phase": turn,
        }
    return _spot(rng, share * ranges.spot_stops, hertz, turn)


def _direction(rng: Rng, stops: float, hertz: float, phase: float) -> dict[str, float]:
    return {
        "direction_stops": stops,
        "direction_angle": rng.uniform(0, 2 * np.pi),
        "direction_swing": rng.uniform(0.3, 1.2),
        "direction_hz": hertz,
        "direction_phase": phase,
    }


def _colour(rng: Rng, stops: float, hertz: float, phase: float) -> dict[str, float]:
    """People forgive much more of warm and cold than of green."""
    return {
        "warmth_stops": stops,
        "tint_stops": stops * rng.uniform(-0.25, 0.25),
        "colour_hz": hertz,
        "colour_phase": phase,
    }


def _spot(rng: Rng, stops: float, hertz: float, phase: float) -> dict[str, float]:
    """A light, or in a third of the cases a shadow."""
    return {
        "spot_stops": stops * (-1.0 if rng.random() < 1 / 3 else 1.0),
        "spot_radius": rng.uniform(0.45, 0.9),
        "spot_x": rng.uniform(-0.3, 0.3),
        "spot_y": rng.uniform(-0.3, 0.3),
        "spot_reach_x": rng.uniform(0.3, 0.8),
        "spot_reach_y": rng.uniform(0.1, 0.5),
        "spot_hz": hertz,
        "spot_phase": phase,
    }


def exposed(
    change: LightChange, rgb_NHWC: Sequence[np.ndarray], seconds: Sequence[float], most_clipped: float
) -> LightChange:
    """The change, darkened just as far as must be: no more than `most_clipped` of the colours turn white by it."""
    lit = [_brightened(change, rgb_HWC, second) for rgb_HWC, second in zip(rgb_NHWC, seconds, strict=True)]
    brightest = float(np.quantile(np.concatenate(lit), 1 - most_clipped, method="higher"))
    return replace(change, exposure=change.exposure / max(brightest, 1.0))


def _brightened(change: LightChange, rgb_HWC: np.ndarray, second: float) -> np.ndarray:
    steps = [max(1, side // SIDE) for side in rgb_HWC.shape[:2]]
    light_HWC = decoded(rgb_HWC[:: steps[0], :: steps[1]])
    lit_HWC = light_HWC * gain(change, second, *light_HWC.shape[:2])
    return np.where(light_HWC < WHITE, lit_HWC, 0).ravel()
