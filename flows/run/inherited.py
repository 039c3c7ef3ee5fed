"""What trained weights bring along into a version: the data they learnt from, the networks they began from, and so on.

A licence may ask something of what is made with a model, so a manifest names all that came together in it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from models.weights.errors import ModelError
from models.weights.licences import licences, not_commercial
from models.weights.runs import RUN, split_run
from storage.ledger.catalog import Catalog
from storage.versions.trained import UNKNOWN, Origin, origin


def inherited(catalog: Catalog, references: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Of each training among these references, and of each that stands behind one: its origin and the licences in it."""
    found: dict[str, dict[str, Any]] = {}
    left = [one for one in references if one.startswith(RUN)]
    while left:
        one = left.pop()
        if one in found:
            continue
        came = origin(catalog, split_run(one)[0])
        behind = _behind(came)
        found[one] = asdict(came) | {"models": _licences(behind) | dict(came.made_with)}
        left += [other for other in (*behind, *came.made_with) if other.startswith(RUN)]
    return dict(sorted(found.items()))


def _behind(came: Origin) -> list[str]:
    return list(dict.fromkeys([*came.parents, *filter(None, [came.init])]))


def _licences(references: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Weights that a training began from may be gone since: what they said is unknown then, and no reason to stop."""
    said: dict[str, dict[str, Any]] = {}
    for one in references:
        try:
            said |= licences([one])
        except ModelError:
            said[one] = {"licence": "unknown", "commercial": None}
    return said


def not_commercial_of(trainings: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """As `not_commercial` of the models behind them, and those of which nobody knows what they learnt from."""
    told = [f"{one}, in {name}" for name, came in trainings.items() for one in not_commercial(came["models"])]
    return told + [
        f"{name} (unknown data, unclear)" for name, came in trainings.items() if came["data"] == UNKNOWN
    ]
