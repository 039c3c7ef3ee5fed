"""Reads from weights how they are to be sampled: steps, guidance, and the clips that the net learnt on.

It stands in the header's "about" (or in a folder's about.json) under "sampling", as a JSON object of some of the fields
of `Settings`. Public checkpoints say nothing; the defaults of `Settings` are theirs.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from models.dubbing.request import Settings
from models.weights.about import about
from models.weights.references import ModelError, resolve

SAMPLING = "sampling"
NUMBERS: Mapping[str, tuple[type, float, float]] = {
    "steps": (int, 1, 1000), "shift": (float, 0.01, 100), "reference": (float, 0, 100), "audio": (float, 0, 100),
    "clip": (int, 5, 1001), "motion": (int, 1, 997),
}  # fmt: skip
"""What weights may say, and the least and most of it."""
BORDER = "border"
MINI_SAMPLING = Settings(clip=25, steps=3, shift=2.5, reference=0.0, audio=4.0, border=False)
"""What suits editors of the preset mini."""


def settings_of(reference: str, /, **given: Any) -> Settings:
    """Returns how to sample weights: as is given, else as they say themselves, else as the public checkpoint."""
    path = resolve(reference)
    said = about(path).get(SAMPLING, {})
    try:
        own = checked(json.loads(said) if isinstance(said, str) else said)
        Settings(**own)
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{path} says how it is to be sampled, and {error}; update redub, or mend what it says"
        ) from error
    return Settings(**{**own, **given})


def said_of(settings: Settings) -> dict[str, Any]:
    """Returns what weights say of themselves where these settings suit them."""
    return {name: getattr(settings, name) for name in (*NUMBERS, BORDER)}


def checked(said: Any) -> dict[str, Any]:
    """Returns what was read where it is known, of the right type and within bounds; else raises ValueError."""
    if not isinstance(said, dict):
        raise ValueError(f"{said!r} is no object of settings")
    return {name: _checked(name, value) for name, value in said.items()}


def _checked(name: str, value: Any) -> Any:
    if name == BORDER:
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {value!r}, which is not true or false")
        return value
    if name not in NUMBERS:
        raise ValueError(f"this version knows no {name!r}")
    kind, least, most = NUMBERS[name]
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole and (kind is int or not isinstance(value, float) or not math.isfinite(value)):
        raise ValueError(f"{name} is {value!r}, which is no {'whole ' if kind is int else ''}number")
    if not least <= value <= most:
        raise ValueError(f"{name} is {value!r}, not {least:g} to {most:g}")
    return kind(value)
