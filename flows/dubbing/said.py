"""Reads how weights ask to be sampled: it stands in the header's "about" under "sampling", by the names of `Settings`."""

import json
from pathlib import Path
from typing import Any

from models.weights.about import about
from models.weights.references import ModelError

SAMPLING = "sampling"
SAID = ("steps", "shift", "reference", "audio", "clip", "motion", "border")
"""What weights may ask for; the rest (a seed, memory) is the person's."""


def sampling_in(path: Path) -> dict[str, Any]:
    """Returns what weights ask for; empty where they say nothing."""
    said = about(path).get(SAMPLING, {})
    try:
        said = json.loads(said) if isinstance(said, str) else said
        unknown = sorted(set(said) - set(SAID))
        wrong = [name for name, value in said.items() if not isinstance(value, int | float)]
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"{path} says how to sample it in a way that can't be read: {error}; mend it"
        ) from None
    if unknown or wrong:
        raise ModelError(
            f"{path} asks to be sampled with {(unknown or wrong)[0]}, which is no number of {', '.join(SAID)}; update "
            "redub, or mend its header"
        )
    return dict(said)
