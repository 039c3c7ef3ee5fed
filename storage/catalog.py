"""A catalog: one folder (or object-store prefix) that holds every table of a dataset and its history.

<catalog>/sources.lance         what was listed, one row per file
<catalog>/<stage>.lance         one ledger per stage (table.py)
<catalog>/fingerprints.lance    what each fingerprint stands for
<catalog>/runs.lance            who rebuilt what, when, and how it ended
<catalog>/dataset.lance         the published versions, one tag each (publish.py)
"""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage.fingerprint import Made
from storage.lock import CatalogBusy, catalog_lock, holder
from storage.rows import schema_of
from storage.sources import Listing, Source
from storage.store import Store
from storage.table import PRIMARY_KEY, Status, Table, create_dataset, insert_new, open_dataset, row_key

LISTED = Made("sources", 1, {}, {}, ())
"""Sources are looked at, not computed: they share one fingerprint for ever."""


@dataclass(frozen=True)
class NamedRead:
    """A read of another item's row: the row of `stage` whose item the column `by` of `holder` names."""

    stage: str
    by: str
    holder: str


@dataclass(frozen=True)
class Node:
    """A stage as storage sees it. `reads` are names of upstream nodes, the walked one first."""

    name: str
    output: type
    made: Made
    reads: tuple[str, ...]
    expands: bool = False
    named: tuple[NamedRead, ...] = ()
    facts: tuple[str, ...] = ()
    """Columns that say of every row in a version: its split, licence or consent."""

    @property
    def fingerprint(self) -> str:
        return self.made.fingerprint

    @property
    def upstream(self) -> tuple[str, ...]:
        """Names of all nodes whose rows it reads, as a worker is handed them: `reads`, then the named ones."""
        return (*self.reads, *(named.stage for named in self.named))


SOURCES = Node("sources", Source, LISTED, ())


@dataclass(frozen=True)
class FingerprintRow:
    key: str
    stage: str
    version: int
    config: str
    weights: str
    upstream: list[str]


@dataclass(frozen=True)
class RunRow:
    """Two rows a run: one when it starts, one when it ends; a killed run has only the first."""

    key: str
    run: str
    event: str
    at: datetime
    recipe: str
    profile: str
    sources: str
    flow_run: str
    git_commit: str
    fingerprints: list[str]
    message: str


class Catalog:
    """Pickles: only the place travels, handles are opened where they are used."""

    def __init__(self, root: str, store: Store | None = None) -> None:
        self.root = root if "://" in root else str(Path(root).expanduser().resolve())
        self.store = store or Store()
        self._tables: dict[str, Table] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Catalog, (self.root, self.store)

    def exists(self) -> bool:
        return self.open("sources") is not None

    def uri(self, name: str) -> str:
        return f"{self.root}/{name}.lance"

    def open(self, name: str, version: str | None = None) -> Any:
        """A table as Lance sees it, at a published version if one is named; None when it isn't there."""
        return open_dataset(self.uri(name), self.store.options, version)

    def table(self, node: Node) -> Table:
        if node.name not in self._tables:
            self._tables[node.name] = Table(self.uri(node.name), node.output, self.store.options)
        return self._tables[node.name]

    def holder(self) -> CatalogBusy | None:
        """Who is changing it now; None when nobody is. Only looks."""
        return holder(self.root, self.store)

    def lock(self, run: str) -> AbstractContextManager[None]:
        return catalog_lock(self.root, run, self.store)

    # -- sources ---------------------------------------------------------------------------------------

    def add_sources(self, listing: Listing, run: str) -> int:
        """Write the listed sources that are not in the table yet; how many were new."""
        table = self.table(SOURCES)
        refused = listing.rejected
        listed = [*listing.sources, *(source for source, _, _ in refused)]
        ids = pa.array([source.id for source in listed], pa.string())
        known = table.states(LISTED.fingerprint)["item_id"].combine_chunks()
        unknown = pc.indices_nonzero(pc.invert(pc.is_in(ids, value_set=known))).to_pylist()
        first_refused = len(listing.sources)
        fresh = [
            _source_row(listed[i], refused[i - first_refused][1:] if i >= first_refused else None, run)
            for i in unknown
        ]
        for start in range(0, len(fresh), 100_000):
            table.append(fresh[start : start + 100_000])
        return len(fresh)

    # -- records ---------------------------------------------------------------------------------------

    def record(self, nodes: Sequence[Node]) -> None:
        rows = [
            FingerprintRow(
                n.fingerprint,
                n.name,
                n.made.version,
                json.dumps(n.made.config),
                json.dumps(n.made.weights),
                list(n.made.upstream),
            )
            for n in nodes
        ]
        self.insert("fingerprints", FingerprintRow, rows)

    def made(self) -> dict[str, Made]:
        """Every fingerprint this catalog ever computed with, spelled out."""
        rows = self.read("fingerprints")
        return {
            r["key"]: Made(
                r["stage"], r["version"], json.loads(r["config"]), json.loads(r["weights"]), r["upstream"]
            )
            for r in rows
        }

    def log_run(self, **fields: Any) -> None:
        row = RunRow(key=f"{fields['run']}.{fields['event']}", at=datetime.now(UTC), **fields)
        self.insert("runs", RunRow, [row])

    def runs(self) -> list[dict[str, Any]]:
        """Newest first, start and end joined; `ended` is None for a run that is alive or was killed."""
        rows = self.read("runs")
        ends = {r["run"]: r for r in rows if r["event"] != "started"}
        starts = sorted((r for r in rows if r["event"] == "started"), key=lambda r: r["at"], reverse=True)
        return [r | {"ended": ends.get(r["run"])} for r in starts]

    def insert(self, name: str, row_type: type, rows: Sequence[Any]) -> None:
        schema = pa.schema(
            [f.with_metadata(PRIMARY_KEY) if f.name == "key" else f for f in schema_of(row_type)]
        )
        dataset = self.open(name)
        if dataset is None:
            dataset = create_dataset(self.uri(name), schema, self.store.options)
        insert_new(dataset, pa.Table.from_pylist([asdict(r) for r in rows], schema=schema), "key")

    def read(self, name: str) -> list[dict[str, Any]]:
        dataset = self.open(name)
        return [] if dataset is None else dataset.to_table().to_pylist()


def ledger_row(
    node: Node,
    item_id: str,
    run: str,
    *,
    parent_id: str | None = None,
    status: Status = Status.OK,
    revision: int = 0,
    values: dict[str, Any] | None = None,
    **rest: Any,
) -> dict[str, Any]:
    """One row, ready for Table.append."""
    parent = parent_id or item_id
    base = {
        "key": row_key(item_id, parent, node.fingerprint, revision),
        "item_id": item_id,
        "parent_id": parent,
        "fingerprint": node.fingerprint,
        "status": str(status),
        "revision": revision,
        "attempts": 1,
        "seconds": 0.0,
        "bytes": sum(len(v) for v in (values or {}).values() if isinstance(v, (bytes, str))),
        "run": run,
        "written_at": datetime.now(UTC),
    }
    return {**(values or {}), **base, **rest}


def _source_row(source: Source, refusal: tuple[str, str] | None, run: str) -> dict[str, Any]:
    values = {k: v for k, v in asdict(source).items() if k != "id"}
    code, reason = refusal or (None, None)
    status = Status.REJECTED if refusal else Status.OK
    return ledger_row(SOURCES, source.id, run, status=status, code=code, reason=reason, values=values)
