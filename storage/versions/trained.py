"""What trainings have to do with data: which of them saw an item, and what a training's own data and parents were.

storage/trainings knows rows of trainings alone; versions are known here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.ledger.catalog import Catalog
from storage.trainings.reading import (
    Checkpoint,
    Training,
    checkpoint_named,
    checkpoints_of,
    reference_of,
    training,
    trainings,
)
from storage.versions.descent import any_of
from storage.versions.version import load_version, tags

TRAIN = "train"
UNKNOWN = "unknown"
TOLD_OF_DATA = (
    "rows",
    "splits",
    "licences",
    "consent",
    "models",
    "non_commercial",
    "sources",
    "created",
    "anyway",
)
"""Of a version's manifest, what a model that was trained on it has to answer for."""


@dataclass(frozen=True)
class Saw:
    """A training that learnt from an item, itself or by beginning from one that did."""

    run: str
    kind: str
    state: str
    data: str
    clips: int
    """How many of the items its train split had; 0 for one that only descends from such a training."""
    by: str = ""
    """The training that it descends from."""


@dataclass(frozen=True)
class RunTrace:
    training: Training
    checkpoints: tuple[Checkpoint, ...]
    """All that are kept, or the one that was asked for."""
    data: Mapping[str, Any]
    """From the manifest of its version; empty for other data, or where the version was given up."""
    forgotten_since: int
    """Rows that its version had when it started, and that were forgotten since."""


@dataclass(frozen=True)
class Origin:
    """What the weights of a training come from: what is made with them has to answer for it, too."""

    kind: str
    data: str
    """A version, people of the procedural world, or UNKNOWN."""
    data_digest: str
    rows: int
    licences: Mapping[str, int]
    consent: Mapping[str, int]
    made_with: Mapping[str, Any]
    """Models that had a hand in the data, with their licences. These and the counts are empty without a version."""
    parents: tuple[str, ...]
    """References of the networks that it loaded or began from."""
    init: str


def origin(catalog: Catalog, run: str) -> Origin:
    """Weights may lie in the folder of a training of which the catalog knows nothing."""
    found = next((one for one in trainings(catalog) if one.run == run), None)
    if found is None:
        return Origin("", UNKNOWN, "", 0, {}, {}, {}, (), "")
    manifest = load_version(catalog, found.data)[0].manifest if found.data in tags(catalog) else {}
    return Origin(
        found.kind,
        found.data,
        found.data_digest,
        manifest.get("rows", 0),
        manifest.get("licences", {}),
        manifest.get("consent", {}),
        manifest.get("models", {}),
        tuple(map(reference_of, found.parents)),
        found.init,
    )


def trace_run(catalog: Catalog, run: str, which: str = "") -> RunTrace:
    """`which`: a step, `best`, or nothing for all checkpoints."""
    found = training(catalog, run)
    kept = (checkpoint_named(catalog, run, which),) if which else tuple(checkpoints_of(catalog, run))
    manifest = load_version(catalog, found.data)[0].manifest if found.data in tags(catalog) else {}
    data = {name: manifest[name] for name in TOLD_OF_DATA if name in manifest}
    return RunTrace(found, kept, data, _forgotten_since(manifest, found.started))


def _forgotten_since(manifest: Mapping[str, Any], started: datetime) -> int:
    gone = manifest.get("forgotten", ())
    return sum(
        one["rows"] for one in gone if datetime.fromisoformat(one["at"]) >= started.replace(microsecond=0)
    )


def who_saw(catalog: Catalog, items: Iterable[str]) -> list[Saw]:
    """Trainings on a version that has any of these items in its train split, and those that descend from them."""
    runs = trainings(catalog)
    counts = _counts(catalog, sorted({one.data for one in runs} & set(tags(catalog))), set(items))
    direct = [
        Saw(one.run, one.kind, one.state, one.data, counts[one.data]) for one in runs if counts.get(one.data)
    ]
    return direct + _descendants(runs, [one.run for one in direct])


def showing(catalog: Catalog, items: Iterable[str]) -> list[Training]:
    """Trainings on a version that has any of these items, in whichever split: their pictures may show them."""
    where, known = any_of("item_id", items), set(tags(catalog))
    runs = [one for one in trainings(catalog) if one.data in known]
    held = {tag: load_version(catalog, tag)[1].count_rows(where) for tag in {one.data for one in runs}}
    return [one for one in runs if held[one.data]]


def _counts(catalog: Catalog, versions: Iterable[str], items: set[str]) -> dict[str, int]:
    where = any_of("item_id", items)
    counts = {}
    for tag in versions:
        version, dataset = load_version(catalog, tag)
        split = version.manifest.get("facts", {}).get("split")
        counts[tag] = dataset.count_rows(f"({where}) AND {split} = '{TRAIN}'" if split else where)
    return counts


def _descendants(runs: Iterable[Training], known: list[str]) -> list[Saw]:
    """Oldest first, so that one pass is enough: nothing descends from what came later."""
    found: dict[str, Saw] = {}
    for one in sorted(runs, key=lambda one: one.started):
        named = [parents_name(parent) for parent in (*map(reference_of, one.parents), one.init)]
        by = next((name for name in named if name in known or name in found), "")
        if by and one.run not in known:
            found[one.run] = Saw(one.run, one.kind, one.state, one.data, 0, by)
    return list(found.values())


def parents_name(reference: str) -> str:
    """The training that a reference names; empty for any other."""
    return reference.removeprefix("run:").partition("@")[0] if reference.startswith("run:") else ""
