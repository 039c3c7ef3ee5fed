"""Says under which licences weights are, and which of them forbid commercial use."""

from collections.abc import Iterable
from typing import Any

from models.weights.about import about, is_free
from models.weights.known import find
from models.weights.references import resolve


def licences(references: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Returns under what licence each model is, for the manifest of a dataset that it had a hand in."""
    return {one: _licence(one) for one in sorted(set(references))}


def _licence(one: str) -> dict[str, Any]:
    model = find(one)
    if model is not None and not one.startswith("mini:"):
        return {"licence": model.licence or "unknown", "commercial": model.commercial}
    said = about(resolve(one))
    licence = str(said.get("licence", ""))
    learnt = {"trained_on": str(said["trained_on"])} if said.get("trained_on") else {}
    return {"licence": licence or "unknown", "commercial": is_free(licence) or None, **learnt}


def not_commercial(models: dict[str, dict[str, Any]]) -> list[str]:
    """Names those of `licences` that forbid commercial use, or don't say: somebody has to look before it is sold."""
    return [
        f"{one} ({facts['licence']}{'' if facts['commercial'] is False else ', unclear'})"
        for one, facts in models.items()
        if facts["commercial"] is not True
    ]
