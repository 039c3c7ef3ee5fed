"""The rows of a version, and of what it left out: filtered as in SQL, and counted by what they say."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.ledger.table import latest
from storage.versions.version import Version, load_version

LEFT_OUT = "status != 'ok'"
OF_STAGES = ("reason", "stage")
"""What rows of stages are counted by; anything else is a fact or a column of the members."""
LEDGER_COLUMNS = [
    "item_id",
    "parent_id",
    "status",
    "code",
    "reason",
    "attempts",
    "seconds",
    "bytes",
    "run",
    "written_at",
]


@dataclass(frozen=True)
class Count:
    """How many rows say one thing; of stages also how long they took."""

    value: str
    rows: int
    stage: str = ""
    code: str = ""
    rejected: int = 0
    quarantined: int = 0
    seconds: float = 0.0
    bytes: int = 0


def filtered(dataset: Any, name: str, where: str | None, columns: Sequence[str] | None) -> pa.Table:
    """`name` is what errors call the table."""
    known = dataset.schema.names
    unknown = [column for column in columns or () if column not in known]
    if unknown:
        raise StorageError(f"{name} has no column {unknown[0]!r}; its columns: {', '.join(known)}")
    try:
        return dataset.to_table(columns=None if columns is None else list(columns), filter=where or None)
    except (ValueError, OSError, RuntimeError) as error:
        if not where:
            raise
        raise StorageError(
            f"{name} can't be filtered by {where!r} ({_cause(error)}); its columns: {', '.join(known)}"
        ) from None


def _cause(error: BaseException) -> str:
    """The first sentence, without where in Lance's own code it was said."""
    first = re.split(r", (?:rust|/)|\. |\n", str(error).strip())[0]
    return (
        re.sub(r"^(?:LanceError\(\w+\)|Invalid user input|Schema error): ", "", first).strip()
        or type(error).__name__
    )


def member_rows_where(
    catalog: Catalog, name: str, where: str | None, columns: Sequence[str] | None
) -> pa.Table:
    """Members of a version. Without `columns`: what says which item it is, and its facts."""
    version, dataset = load_version(catalog, name)
    chosen = list(columns) if columns else ["item_id", *_facts(version).values()]
    return filtered(dataset, f"{version.tag} of {catalog.root}", where, list(dict.fromkeys(chosen)))


def _facts(version: Version) -> dict[str, str]:
    return dict(version.manifest.get("facts", {}))


def counts_by(catalog: Catalog, name: str, by: str, where: str | None) -> list[Count]:
    """Most first; stages in running order. `by`: reason, stage, a fact as speaker or licence, or any column."""
    version, dataset = load_version(catalog, name)
    if by == "stage":
        return _by_stage(catalog, version, where)
    if by == "reason":
        return _by_reason(catalog, version, where)
    column = _facts(version).get(by, by)
    rows = filtered(dataset, f"{version.tag} of {catalog.root}", where, [column])
    found = [
        Count(_word(each["values"]), each["counts"]) for each in pc.value_counts(rows[column]).to_pylist()
    ]
    return sorted(found, key=lambda one: (-one.rows, one.value))


def _word(value: Any) -> str:
    return "none" if value is None else str(value)


def _by_stage(catalog: Catalog, version: Version, where: str | None) -> list[Count]:
    found = []
    for stage, rows in _rows_of_stages(catalog, version, where).items():
        said = {one["values"]: one["counts"] for one in pc.value_counts(rows["status"]).to_pylist()}
        seconds, size = (pc.sum(rows[name]).as_py() or 0 for name in ("seconds", "bytes"))
        counts = said.get("ok", 0), stage, "", said.get("rejected", 0), said.get("quarantined", 0)
        found.append(Count(stage, *counts, float(seconds), int(size)))
    return found


def _by_reason(catalog: Catalog, version: Version, where: str | None) -> list[Count]:
    """By the code of a rejection; what was held by what happened."""
    only = f"{LEFT_OUT} AND ({where})" if where else LEFT_OUT
    found = []
    for stage, rows in _rows_of_stages(catalog, version, only).items():
        groups: Mapping[tuple[str, str], list[str]] = _grouped(rows)
        found += [
            Count(reasons[0], len(reasons), stage, code, **{status: len(reasons)})  # type: ignore[arg-type]
            for (status, code), reasons in groups.items()
        ]
    return sorted(found, key=lambda one: -one.rows)


def _grouped(rows: pa.Table) -> dict[tuple[str, str], list[str]]:
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows.to_pylist():
        if row["status"] in ("rejected", "quarantined"):
            key = row["status"], row["code"] or row["reason"] or ""
            groups.setdefault(key, []).append(row["reason"] or "")
    return groups


def _rows_of_stages(catalog: Catalog, version: Version, where: str | None) -> dict[str, pa.Table]:
    """The rows of its settings as they were when it was published, newest revisions only."""
    found = {}
    for stage, fingerprint in version.manifest["fingerprints"].items():
        dataset = open_table(catalog, stage, version=version.tag)
        if dataset is None:
            continue
        mine = f"fingerprint = '{fingerprint}'"
        both = f"{mine} AND ({where})" if where else mine
        try:
            found[stage] = latest(dataset.to_table(columns=[*LEDGER_COLUMNS, "revision"], filter=both))
        except (ValueError, OSError, RuntimeError) as error:
            raise StorageError(
                f"rows of {stage} in {version.tag} can't be filtered by {where!r} ({_cause(error)}); --by reason and --by "
                f"stage filter the columns {', '.join(LEDGER_COLUMNS)}"
            ) from None
    return found
