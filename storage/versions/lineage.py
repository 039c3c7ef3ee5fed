"""What made an item, and what was made from it: every row on its way, with settings, runs and versions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.fingerprint import Computation
from storage.ledger.newest import newest_fingerprints, stage_order
from storage.ledger.table import LEDGER
from storage.versions.descent import (
    any_of,
    fingerprints_read_by_name,
    items_above,
    items_below,
    naming_columns,
    others_named,
    rows_where,
)
from storage.versions.version import load_version, tags

MIN_PREFIX = 4
TRACED = [c for c in LEDGER if c != "key"]


@dataclass(frozen=True)
class Step:
    """One row on an item's way, with what its fingerprint stands for."""

    stage: str
    row: Mapping[str, Any]
    computation: Computation | None
    current: bool
    """Computed with the settings of the newest rebuild; the others are history."""
    named_by: str = ""
    """The column by which a row of the traced item names this other item, whose row was read; '' for its own."""


@dataclass(frozen=True)
class Trace:
    ids: tuple[str, ...]
    uris: tuple[str, ...]
    steps: tuple[Step, ...]
    versions: tuple[str, ...]
    notes: Mapping[str, str]
    """Of the runs on that way, what was written down when they started."""


def trace(catalog: Catalog, needle: str) -> Trace:
    """Everything that came from, or led to, the items that `needle` names (an id's start, or a file's end)."""
    stages = stage_order(catalog)
    ids = _family(catalog, stages, _find(catalog, stages, needle))
    computed = catalog.computations()
    newest = set(newest_fingerprints(catalog).values())
    others = others_named(catalog, stages, ids, naming_columns(computed))
    read = fingerprints_read_by_name(computed)
    steps = [
        Step(
            stage,
            row,
            computed.get(row["fingerprint"]),
            row["fingerprint"] in newest,
            others.get(row["item_id"], ""),
        )
        for stage in stages
        for row in rows_where(catalog, stage, any_of("item_id", ids | others.keys()), TRACED)
        if row["item_id"] in ids or row["fingerprint"] in read
    ]
    uris = {r["uri"] for r in rows_where(catalog, "sources", any_of("item_id", ids | others.keys()), ["uri"])}
    runs = {step.row["run"] for step in steps}
    notes = {one["run"]: one["message"] for one in catalog.runs() if one["run"] in runs and one["message"]}
    return Trace(
        tuple(sorted(ids)), tuple(sorted(uris)), tuple(steps), tuple(_versions_with(catalog, ids)), notes
    )


def _find(catalog: Catalog, stages: Iterable[str], needle: str) -> set[str]:
    quoted = needle.replace("'", "''")
    by_name = rows_where(catalog, "sources", f"ends_with(uri, '{quoted}')", ["item_id"])
    found = {r["item_id"] for r in by_name}
    if not found and len(needle) >= MIN_PREFIX:
        for stage in stages:
            found |= {
                r["item_id"]
                for r in rows_where(catalog, stage, f"starts_with(item_id, '{quoted}')", ["item_id"])
            }
    if not found:
        raise StorageError(
            f"nothing in {catalog.root} has an id that starts with, or a file that ends with, {needle!r}; "
            f"give at least {MIN_PREFIX} characters of an id, or the end of a file's name"
        )
    return found


def _family(catalog: Catalog, stages: list[str], found: set[str]) -> set[str]:
    """What they were made from, and what was made from them; siblings are neither."""
    return items_above(catalog, stages, found) | items_below(catalog, stages, found)


def _versions_with(catalog: Catalog, ids: set[str]) -> list[str]:
    where = any_of("item_id", ids)
    return [t for t in tags(catalog) if load_version(catalog, t)[1].count_rows(where)]
