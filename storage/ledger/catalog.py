"""A catalog: one folder (or object-store prefix) that holds every table of a dataset and its history.

<catalog>/sources.lance         what was listed, one row per file
<catalog>/<stage>.lance         one ledger per stage (table.py)
<catalog>/fingerprints.lance    what each fingerprint stands for
<catalog>/runs.lance            who rebuilt what, when, and how it ended
<catalog>/trainings.lance       who trained what on which version, beside its checkpoints (storage/trainings/)
<catalog>/promotions.lance      which of them the catalog dubs with, beside their weights
<catalog>/dataset.lance         the published versions, one tag each (publish.py)
"""

import json
import os
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage.addresses import check_address
from storage.errors import StorageError
from storage.ledger.fingerprint import Computation
from storage.ledger.lance_files import (
    PRIMARY_KEY,
    create_dataset,
    insert_new,
    merge_small_fragments,
    open_table,
)
from storage.ledger.lock import CatalogBusy, catalog_lock, holder
from storage.ledger.node import LISTED, SOURCES, Node
from storage.ledger.records import FingerprintRow, RunRow
from storage.ledger.rows import schema_of
from storage.ledger.table import Status, Table, ledger_row
from storage.sources import Listing, Source
from storage.store import Store


class Catalog:
    """Pickles: only the place travels, handles are opened where they are used."""

    def __init__(self, root: str, store: Store | None = None) -> None:
        self.root = _place(root)
        self.store = store or Store()
        self._tables: dict[str, Table] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Catalog, (self.root, self.store)

    def patient(self) -> "Catalog":
        """The same one for a run, which an object store that is started again must not end."""
        return Catalog(self.root, self.store.patient()) if "://" in self.root else self

    def exists(self) -> bool:
        """A training on the procedural world needs no sources."""
        return any(open_table(self, name) is not None for name in (SOURCES.name, "trainings"))

    def uri(self, name: str) -> str:
        return f"{self.root}/{name}.lance"

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
                n.computation.version,
                json.dumps(n.computation.config),
                json.dumps(n.computation.weights),
                list(n.computation.upstream),
            )
            for n in nodes
        ]
        self.insert("fingerprints", FingerprintRow, rows)

    def computations(self) -> dict[str, Computation]:
        """Every fingerprint this catalog ever computed with, spelled out."""
        rows = self.read("fingerprints")
        return {
            r["key"]: Computation(
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
        """Add to a table of records, whose rows have a `key`, what is not there yet."""
        schema = pa.schema(
            [f.with_metadata(PRIMARY_KEY) if f.name == "key" else f for f in schema_of(row_type)]
        )
        dataset = open_table(self, name)
        if dataset is None:
            dataset = create_dataset(self.uri(name), schema, self.store.options)
        insert_new(dataset, pa.Table.from_pylist([asdict(r) for r in rows], schema=schema), "key")
        merge_small_fragments(dataset)

    def read(self, name: str, where: str | None = None) -> list[dict[str, Any]]:
        """Rows of a table of records in the order in which they were written, whatever the writers' clocks said."""
        dataset = open_table(self, name)
        if dataset is None:
            return []
        rows = dataset.to_table(filter=where, with_row_id=True).sort_by("_rowid")
        return rows.drop_columns("_rowid").to_pylist()


def _place(root: str) -> str:
    check_address(root)
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", root):
        raise StorageError(
            f"{root!r} has characters that no table's place can have: give --catalog a name of letters and digits"
        )
    if "://" in root:
        return root
    try:
        folder = Path(root).expanduser().resolve()
        mode = folder.stat().st_mode
    except FileNotFoundError:
        return str(Path(root).expanduser().resolve())
    except (OSError, RuntimeError) as error:  # no right to look, a name that is too long, a link to itself
        raise StorageError(
            f"{root} can't be looked at ({error}): name another place with --catalog"
        ) from error
    if not S_ISDIR(mode):
        raise StorageError(
            f"{folder} is a file, and a catalog is a folder: name another place with --catalog"
        )
    if not os.access(folder, os.R_OK | os.X_OK):
        raise StorageError(f"{folder} can't be read (permission denied): get the right to read it")
    return str(folder)


def existing_catalog(root: str, store: Store | None = None) -> Catalog:
    """The catalog at a place, for those who look: an error where none is, since a typo must not make one."""
    catalog = Catalog(root, store)
    if not catalog.exists():
        raise StorageError(
            f"there is no catalog at {catalog.root}; `redub rebuild --catalog {root} --source ...` makes one"
        )
    return catalog


def _source_row(source: Source, refusal: tuple[str, str] | None, run: str) -> dict[str, Any]:
    values = {k: v for k, v in asdict(source).items() if k != "id"}
    code, reason = refusal or (None, None)
    status = Status.REJECTED if refusal else Status.OK
    return ledger_row(SOURCES, source.id, run, status=status, code=code, reason=reason, values=values)
