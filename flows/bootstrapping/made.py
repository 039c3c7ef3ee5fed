"""What steps of a bootstrap have made, as the catalog knows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.trainings.reading import Checkpoint, Training, best_of, newest_of, trainings
from storage.versions.version import Version, load_version, tags


@dataclass(frozen=True)
class Made:
    """The outcome of a step."""

    what: str
    """v3, or run:NAME@STEP; of a promotion its editor and experts."""
    seconds: float | None = None
    """That making it took; of a training all its attempts together. None where nobody measured."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


def of_version(catalog: Catalog, tag: str) -> Made:
    """Returns a version as a step's outcome."""
    manifest: Any = load_version(catalog, tag)[0].manifest
    run = next((one for one in catalog.runs() if one["run"] == manifest.get("run")), None)
    took = (run["ended"]["at"] - run["at"]).total_seconds() if run and run["ended"] else None
    splits = {f"{split} clips": float(count) for split, count in manifest["splits"].items()}
    return Made(tag, took, {"rows": float(manifest["rows"])} | splits)


def of_training(catalog: Catalog, run: str) -> Made:
    """Returns the best checkpoint of a finished training, else its newest, and how long all of it took."""
    one, newest = checkpoint_of(catalog, run), newest_of(catalog, run)
    assert newest is not None
    return Made(f"run:{run}@{one.step}", newest.seconds, one.metrics)


def checkpoint_of(catalog: Catalog, run: str) -> Checkpoint:
    """As a promotion chooses it."""
    found = best_of(catalog, run) or newest_of(catalog, run)
    if found is None:
        raise StorageError(f"training {run} has no checkpoint any more: give another name")
    return found


def row_of(catalog: Catalog, run: str) -> Training | None:
    """Returns a training by its name, if it was ever begun."""
    return next((one for one in trainings(catalog) if one.run == run), None)


def painted_by(catalog: Catalog, generator: str) -> Version | None:
    """Returns the newest version whose companions a generator painted: run:NAME@STEP."""
    for tag in reversed(tags(catalog)):
        version = load_version(catalog, tag)[0]
        recipe: Any = version.manifest["recipe"]
        if (recipe.get("companion") or {}).get("generator") == generator:
            return version
    return None
