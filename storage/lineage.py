"""Questions about rows: what made this one (`trace`), and what changed between two versions (`diff`)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage.catalog import LISTED, Catalog
from storage.fingerprint import Made
from storage.publish import load_version, tags
from storage.table import LEDGER, StorageError

MIN_PREFIX = 4
TRACED = [c for c in LEDGER if c != "key"]


@dataclass(frozen=True)
class Step:
    """One row on an item's way, with what its fingerprint stands for."""

    stage: str
    row: Mapping[str, Any]
    made: Made | None
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


def trace(catalog: Catalog, needle: str) -> Trace:
    """Everything that came from, or led to, the items that `needle` names (an id's start, or a file's end)."""
    stages = stage_order(catalog)
    ids = _family(catalog, stages, _find(catalog, stages, needle))
    made, runs = catalog.made(), catalog.runs()
    others = _named_others(catalog, stages, ids, naming_columns(made))
    read = _read_through(made)
    newest = {LISTED.fingerprint, *(runs[0]["fingerprints"] if runs else [])}
    steps = [
        Step(
            stage, row, made.get(row["fingerprint"]), row["fingerprint"] in newest, others.get(row["item_id"], "")
        )
        for stage in stages
        for row in rows_where(catalog, stage, any_of("item_id", ids | others.keys()), TRACED)
        if row["item_id"] in ids or row["fingerprint"] in read
    ]  # fmt: skip
    uris = {r["uri"] for r in rows_where(catalog, "sources", any_of("item_id", ids | others.keys()), ["uri"])}
    return Trace(tuple(sorted(ids)), tuple(sorted(uris)), tuple(steps), tuple(_versions_with(catalog, ids)))


def naming_columns(made: Mapping[str, Made]) -> set[str]:
    """Columns by which some stage reads other items' rows."""
    return {up.partition(" by ")[2] for one in made.values() for up in one.upstream} - {""}


def _read_through(made: Mapping[str, Made]) -> set[str]:
    """Fingerprints of rows that are read for other items, and of all that these were made from."""
    reached = {up.partition(" by ")[0] for one in made.values() for up in one.upstream if " by " in up}
    waiting = list(reached)
    while waiting:
        one = made.get(waiting.pop())
        fresh = {up.partition(" by ")[0] for up in (one.upstream if one else ())} - reached
        reached |= fresh
        waiting += fresh
    return reached | {LISTED.fingerprint}


def _named_others(
    catalog: Catalog, stages: list[str], ids: set[str], columns: Iterable[str]
) -> dict[str, str]:
    """Other items that these name, and what those were made from -> the column that names them."""
    named: dict[str, str] = {}
    for stage in stages:
        for column in set(columns) & set(_columns(catalog, stage)):
            rows = rows_where(catalog, stage, any_of("item_id", ids), [column])
            named |= {row[column]: column for row in rows if row[column] not in (None, *ids)}
    for item, column in list(named.items()):
        named |= dict.fromkeys(_above(catalog, stages, {item}) - ids, column)
    return named


def _columns(catalog: Catalog, stage: str) -> list[str]:
    dataset = catalog.open(stage)
    return [] if dataset is None else dataset.schema.names


def stage_order(catalog: Catalog) -> list[str]:
    """Stage names in running order: those of the newest run, then those that only older recipes had."""
    made = catalog.made()
    of_runs = [f for run in catalog.runs() for f in run["fingerprints"] if f in made]
    return list(dict.fromkeys(["sources", *(made[f].stage for f in (*of_runs, *made))]))


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
    return _above(catalog, stages, found) | items_below(catalog, stages, found)


def items_below(catalog: Catalog, stages: Iterable[str], found: set[str]) -> set[str]:
    """These items and all that was made from them."""
    below = set(found)
    for stage in stages:
        below |= {r["item_id"] for r in rows_where(catalog, stage, any_of("parent_id", below), ["item_id"])}
    return below


def _above(catalog: Catalog, stages: list[str], found: set[str]) -> set[str]:
    above = set(found)
    for stage in reversed(stages):
        above |= {r["parent_id"] for r in rows_where(catalog, stage, any_of("item_id", above), ["parent_id"])}
    return above


def any_of(column: str, ids: Iterable[str]) -> str:
    listed = ", ".join(f"'{i}'" for i in sorted(ids)) or "''"  # no id is empty
    return f"{column} IN ({listed})"


def rows_where(catalog: Catalog, stage: str, where: str, columns: list[str]) -> list[dict[str, Any]]:
    dataset = catalog.open(stage)
    return [] if dataset is None else dataset.to_table(columns=columns, filter=where).to_pylist()


def _versions_with(catalog: Catalog, ids: set[str]) -> list[str]:
    where = any_of("item_id", ids)
    return [t for t in tags(catalog) if load_version(catalog, t)[1].count_rows(where)]


# -- diff ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Diff:
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    added: tuple[str, ...]
    removed: Mapping[str, str]
    """item_id -> why it is not in the later version."""
    recomputed: tuple[str, ...]
    """In both, but made by other code, settings or weights."""
    settings: Mapping[str, tuple[Any, Any]]
    """`stage.field` -> (before, after) of the recipe."""

    def reasons(self) -> Counter[str]:
        return Counter(self.removed.values())


def diff(catalog: Catalog, before: str, after: str) -> Diff:
    (a, a_rows), (b, b_rows) = load_version(catalog, before), load_version(catalog, after)
    refs = [c for c in a_rows.schema.names if c.endswith("_row") and c in b_rows.schema.names]
    old = _members(a_rows, refs)
    new = _members(b_rows, refs)
    gone = old.keys() - new.keys()
    return Diff(
        a.manifest,
        b.manifest,
        tuple(sorted(new.keys() - old.keys())),
        _why_gone(catalog, b.manifest["fingerprints"], gone),
        tuple(sorted(i for i in old.keys() & new.keys() if old[i] != new[i])),
        _settings(a.manifest.get("recipe", {}), b.manifest.get("recipe", {})),
    )


def _members(dataset: Any, refs: list[str]) -> dict[str, tuple[int, ...]]:
    rows = dataset.to_table(columns=["item_id", *refs])
    columns = [rows[c].to_pylist() for c in refs]
    return dict(zip(rows["item_id"].to_pylist(), zip(*columns, strict=True), strict=True))


def _why_gone(catalog: Catalog, fingerprints: Mapping[str, str], gone: set[str]) -> dict[str, str]:
    reasons = dict.fromkeys(sorted(gone), "its source is no longer listed")
    for stage, fingerprint in fingerprints.items():
        where = f"fingerprint = '{fingerprint}' AND status != 'ok'"
        dataset = catalog.open(stage)
        rows = dataset.to_table(columns=["item_id", "status", "code", "reason"], filter=where)
        rows = rows.filter(pc.is_in(rows["item_id"], value_set=_strings(gone)))
        for row in rows.to_pylist():
            reasons[row["item_id"]] = f"{stage}: {row['status']}, {row['code'] or row['reason']}"
    return reasons


def _strings(values: Iterable[str]) -> Any:
    return pa.array(list(values), pa.string())


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    a, b = _flat(before), _flat(after)
    return {k: (a.get(k), b.get(k)) for k in sorted(a.keys() | b.keys()) if a.get(k) != b.get(k)}


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
