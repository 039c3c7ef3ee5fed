"""What changed between two versions: settings, stages, and items with the reasons why they left."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.settings import differing_settings
from storage.versions.version import load_version


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
    refs = [c for c in _saying(a_rows.schema.names) if c in b_rows.schema.names]
    old = _members(a_rows, refs)
    new = _members(b_rows, refs)
    gone = old.keys() - new.keys()
    return Diff(
        a.manifest,
        b.manifest,
        tuple(sorted(new.keys() - old.keys())),
        _why_gone(catalog, b.manifest, gone),
        tuple(sorted(i for i in old.keys() & new.keys() if old[i] != new[i])),
        differing_settings(a.manifest.get("recipe", {}), b.manifest.get("recipe", {})),
    )


def _saying(names: Sequence[str]) -> list[str]:
    """The columns of row ids, but for those of stages that say nothing of an item, as a verdict: it went on, or didn't."""
    stages = [name.removesuffix("_row") for name in names if name.endswith("_row")]
    return [
        f"{one}_row"
        for one in stages
        if any(name.startswith(f"{one}_") and name != f"{one}_row" for name in names)
    ]


def _members(dataset: Any, refs: list[str]) -> dict[str, tuple[int, ...]]:
    rows = dataset.to_table(columns=["item_id", *refs])
    columns = [rows[c].to_pylist() for c in refs]
    return dict(zip(rows["item_id"].to_pylist(), zip(*columns, strict=True), strict=True))


def _why_gone(catalog: Catalog, after: Mapping[str, Any], gone: set[str]) -> dict[str, str]:
    reasons = dict.fromkeys(sorted(gone), _without_a_row(after))
    for stage, fingerprint in after["fingerprints"].items():
        where = f"fingerprint = '{fingerprint}' AND status != 'ok'"
        dataset = open_table(catalog, stage)
        rows = dataset.to_table(columns=["item_id", "status", "code", "reason"], filter=where)
        rows = rows.filter(pc.is_in(rows["item_id"], value_set=_strings(gone)))
        for row in rows.to_pylist():
            reasons[row["item_id"]] = f"{stage}: {row['status']}, {row['code'] or row['reason']}"
    return reasons


def _without_a_row(after: Mapping[str, Any]) -> str:
    """Why an item may be gone that no row speaks of. Versions could once be published with items still to compute."""
    reasons = ["its source is no longer listed"]
    if any(row["pending"] for row in after["funnel"]):
        reasons.append(f"it was still to be computed when {after['version']} was published")
    if any(row.get("unmet") for row in after["funnel"]):
        reasons.append("another item that it names was not accepted")
    return ", or ".join(reasons)


def _strings(values: Iterable[str]) -> Any:
    return pa.array(list(values), pa.string())
