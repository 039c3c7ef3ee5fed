"""What a changed model would touch: stages that are computed anew, and versions and trainings that hold what it made.

Other weights are another fingerprint: the stages that load them compute again, and so do those that take a column from
such a stage, straight or by way of others. What only follows a verdict does not.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pyarrow.compute as pc

from storage.ledger.catalog import Catalog
from storage.ledger.fingerprint import Computation
from storage.ledger.lance_files import open_table
from storage.ledger.newest import newest_fingerprints
from storage.ledger.table import latest
from storage.trainings.reading import trained_on
from storage.versions.aliases import aliases, names_of
from storage.versions.version import load_version, tags


@dataclass(frozen=True)
class StageImpact:
    stage: str
    loads: bool
    """It loads the model itself; else it reads what comes of it."""
    rows: int
    """Of the newest rebuild, which would be made again."""
    seconds: float
    """That they took, one after the other."""
    bytes: int


@dataclass(frozen=True)
class VersionImpact:
    version: str
    rows: int
    stages: tuple[str, ...]
    """Whose rows in it the model had a hand in."""
    aliases: tuple[str, ...]
    trainings: tuple[str, ...]
    """That learned from it and were not dropped."""


@dataclass(frozen=True)
class Impact:
    models: tuple[str, ...]
    stages: tuple[StageImpact, ...]
    versions: tuple[VersionImpact, ...]
    """Newest first."""


def models_used(catalog: Catalog) -> list[str]:
    """References of all weights that any row was ever computed with."""
    return sorted({one for made in catalog.computations().values() for one in made.weights})


def impact(catalog: Catalog, references: Collection[str]) -> Impact:
    """`references`: of one model, as `models_used` gives them."""
    computed = catalog.computations()
    touched = _touched(computed, references)
    stages = tuple(
        _stage(catalog, stage, one, any(name in references for name in computed[one].weights))
        for stage, one in newest_fingerprints(catalog).items()
        if one in touched
    )
    return Impact(tuple(references), stages, tuple(_versions(catalog, touched)))


def _touched(computed: Mapping[str, Computation], references: Collection[str]) -> set[str]:
    """The fingerprints of what loads it, and of all that reads from those."""
    found = {key for key, made in computed.items() if any(name in references for name in made.weights)}
    while True:
        below = {
            key
            for key, made in computed.items()
            if any(up.partition(" by ")[0] in found for up in made.upstream)
        }
        if below <= found:
            return found
        found |= below


def _stage(catalog: Catalog, stage: str, fingerprint: str, loads: bool) -> StageImpact:
    dataset = open_table(catalog, stage)
    if dataset is None:
        return StageImpact(stage, loads, 0, 0.0, 0)
    columns = ["parent_id", "revision", "seconds", "bytes"]
    rows = latest(dataset.to_table(columns=columns, filter=f"fingerprint = '{fingerprint}'"))
    seconds, size = (pc.sum(rows[name]).as_py() or 0 for name in ("seconds", "bytes"))
    return StageImpact(stage, loads, rows.num_rows, float(seconds), int(size))


def _versions(catalog: Catalog, touched: set[str]) -> list[VersionImpact]:
    standing, trained = aliases(catalog), trained_on(catalog)
    found = []
    for tag in reversed(tags(catalog)):
        manifest = load_version(catalog, tag)[0].manifest
        stages = tuple(stage for stage, one in manifest["fingerprints"].items() if one in touched)
        if stages:
            learned = tuple(one.run for one in trained.get(tag, ()))
            found.append(VersionImpact(tag, manifest["rows"], stages, names_of(standing, tag), learned))
    return found
