"""Reads from weights the config of the net they are for, where they say it, as those of a training do.

It stands in the header's "about" (or in a folder's about.json) under "dit": `dataclasses.asdict(DitConfig)` as JSON.
"""

import json
from collections.abc import Iterable
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from models.dit.config import DitConfig
from models.weights.about import about
from models.weights.references import ModelError

DIT = "dit"
T = TypeVar("T")


def described(paths: Iterable[Path]) -> DitConfig | None:
    """Returns the config that the first of these files or folders to say one says, or None."""
    for path in paths:
        if (said := about(path).get(DIT)) is not None:
            try:
                return _made(DitConfig, json.loads(said) if isinstance(said, str) else said)
            except (ValueError, TypeError) as error:
                raise ModelError(
                    f"{path} says what net it is for, and {error}; update redub, or mend what it says"
                ) from error
    return None


def unlike(said: DitConfig, given: DitConfig) -> str:
    """Returns the options of two configs that no tensor tells apart and that differ, in words; or ''."""
    options = ("heads", "eps", "text_tokens", "reference_shift", "coarse_clock")
    pairs = [(name, getattr(said, name), getattr(given, name)) for name in options]
    pairs += [("audio.heads", said.audio.heads, given.audio.heads)] if said.audio.layers else []
    pairs += [("audio.window", said.audio.window, given.audio.window)]
    return ", ".join(f"{name} {one}, not {other}" for name, one, other in pairs if one != other)


def _made(kind: type[T], said: Any) -> T:
    """Makes a dataclass of what was read; nothing in it is turned into another type, or passed over."""
    if not isinstance(said, dict):
        raise ValueError(f"{said!r} is no {kind.__name__}")
    types, values = get_type_hints(kind), {}
    if unknown := sorted(set(said) - set(types)):
        raise ValueError(f"this version knows no {unknown[0]!r}")
    needed = [field.name for field in fields(kind) if field.default is MISSING]  # type: ignore[arg-type]
    if missing := [name for name in needed if name not in said]:
        raise ValueError(f"{missing[0]} is missing")
    for name, value in said.items():
        wanted = types[name]
        if not is_dataclass(wanted) and type(value) is not wanted:
            raise ValueError(f"{name} is {value!r}, which is no {wanted.__name__}")
        values[name] = _made(wanted, value) if is_dataclass(wanted) else value  # type: ignore[arg-type]
    return kind(**values)
