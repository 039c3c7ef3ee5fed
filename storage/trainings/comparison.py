"""What differs between two trainings: settings, data, parents, and the metrics that they ended with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage.ledger.catalog import Catalog
from storage.settings import differing_settings
from storage.trainings.reading import Training, last_metrics, reference_of, training

COMPARED = ("kind", "data", "data_digest", "init", "git_commit", "profile", "world")


@dataclass(frozen=True)
class Difference:
    before: Training
    after: Training
    recipe: Mapping[str, tuple[Any, Any]]
    """Setting -> (before, after); None where one has no such setting."""
    facts: Mapping[str, tuple[Any, Any]]
    """data, git_commit, ... -> (before, after)."""
    parents: Mapping[str, tuple[str, str]]
    """Reference -> digests (before, after); empty where one doesn't load it."""
    metrics: Mapping[str, tuple[float | None, float | None]]
    """Every metric's last values, equal or not."""


def compare(catalog: Catalog, before: str, after: str) -> Difference:
    a, b = training(catalog, before), training(catalog, after)
    ends = [
        {name: value for name, (_, value) in last_metrics(catalog, run).items()} for run in (before, after)
    ]
    facts = {name: (getattr(a, name), getattr(b, name)) for name in COMPARED}
    return Difference(
        a,
        b,
        differing_settings(a.recipe, b.recipe),
        _unequal(facts),
        _unequal(_beside(_digests(a), _digests(b), "")),
        _beside(*ends),
    )


def _digests(one: Training) -> dict[str, str]:
    return {reference_of(parent): parent.rpartition(" ")[2] for parent in one.parents}


def _beside(a: Mapping[str, Any], b: Mapping[str, Any], missing: Any = None) -> dict[str, tuple[Any, Any]]:
    return {name: (a.get(name, missing), b.get(name, missing)) for name in {**a, **b}}


def _unequal(both: Mapping[str, tuple[Any, Any]]) -> dict[str, tuple[Any, Any]]:
    return {name: (a, b) for name, (a, b) in both.items() if a != b}
