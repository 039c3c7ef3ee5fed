"""One stage's append-only ledger in Lance: what was computed, from what, and how it ended.

A row is written once and never changed. An item's state under one fingerprint is its row with the
highest `revision`: a quarantined item that a person wants to try again gets a `retry` row, and then a
result, so that history stays.

Why `merge_insert` with `use_index(False)` and not a plain append: an append that is replayed (a retry
after an answer that got lost, a second writer) doubles rows. Inserting only what is not there is
idempotent, and with the primary-key metadata two writers at once see each other's keys. Measured with
Lance 14: with a BTREE index on the key that check is skipped (208 rows for 120 keys from three writers),
without it there were none twice. The scan that replaces the index takes 17 ms over 200,000 rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import lance
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import StorageError
from storage.ledger.lance_files import (
    KEEP_OLD,
    PRIMARY_KEY,
    SMALL_FRAGMENTS,
    add_missing_columns,
    create_dataset,
    insert_new,
    open_dataset,
)
from storage.ledger.node import Node
from storage.ledger.rows import is_blob, row_fields, schema_of


class Status(StrEnum):
    OK = "ok"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"
    RETRY = "retry"


@dataclass(frozen=True)
class Ledger:
    """The columns every stage's table begins with."""

    key: str
    item_id: str
    parent_id: str
    """The upstream item this row was made from; the same as item_id unless the stage expands."""
    fingerprint: str
    status: str
    revision: int
    code: str | None
    reason: str | None
    detail: str | None
    attempts: int
    seconds: float
    bytes: int
    run: str
    written_at: datetime


LEDGER = list(row_fields(Ledger))
STATE_COLUMNS = ["item_id", "parent_id", "status", "revision", "seconds", "bytes"]


def row_key(item_id: str, parent_id: str, fingerprint: str, revision: int) -> str:
    """Unique per result: a second insert of the same result is then a no-op."""
    origin = "" if parent_id == item_id else f"{parent_id}>"
    return f"{origin}{item_id}@{fingerprint}.{revision}"


class Table:
    """Opened by every process for itself: a Lance handle survives neither a fork nor a pickle."""

    def __init__(self, uri: str, output: type, options: dict[str, str] | None = None) -> None:
        self.uri, self.options = uri, options or None
        hints = row_fields(output)
        self.columns = [n for n in hints if n != "id"]
        self.blobs = [n for n in self.columns if is_blob(hints[n])]
        self.schema = _table_schema(output, self.blobs)
        self.dataset = open_dataset(uri, self.options)
        """None until the first row is written: looking (a plan, say) leaves no trace."""
        self._since_maintained = 0

    def refresh(self) -> lance.LanceDataset | None:
        if self.dataset is None:
            self.dataset = open_dataset(self.uri, self.options)
        else:
            self.dataset.checkout_latest()
        return self.dataset

    def _writable(self) -> lance.LanceDataset:
        dataset = self.refresh()
        if dataset is None:
            self.dataset = create_dataset(self.uri, self.schema, self.options)
        else:
            self.dataset = add_missing_columns(dataset, self.schema)
        return self.dataset

    # -- writing ---------------------------------------------------------------------------------------

    def append(self, rows: Sequence[dict[str, Any]]) -> int:
        """Insert the rows that are not there yet; how many were. Atomic: all of them or none."""
        if not rows:
            return 0
        data = pa.table([self._column(f, rows) for f in self.schema], schema=self.schema)
        inserted = insert_new(self._writable(), data, "key")
        self._since_maintained += 1
        if self._since_maintained >= SMALL_FRAGMENTS:
            self.maintain()
        return inserted

    def _column(self, field: pa.Field, rows: Sequence[dict[str, Any]]) -> pa.Array:
        values = [row.get(field.name) for row in rows]
        return lance.blob_array(values) if field.name in self.blobs else pa.array(values, field.type)

    def maintain(self, keep: timedelta = KEEP_OLD) -> lance.LanceDataset:
        """Merge small fragments and drop versions nobody needs; published versions are tagged and stay."""
        self._since_maintained = 0
        dataset = self._writable()
        # Blob tables stop at 1,024 rows a fragment, because merging copies the videos.
        target = 1024 if self.blobs else 1 << 18
        dataset.optimize.compact_files(target_rows_per_fragment=target, num_threads=1)
        dataset.checkout_latest()
        dataset.cleanup_old_versions(older_than=keep, error_if_tagged_old_versions=False)
        return dataset

    # -- reading ---------------------------------------------------------------------------------------

    def states(self, fingerprint: str) -> pa.Table:
        """Every row's state under one fingerprint (STATE_COLUMNS and _rowid), superseded rows left out."""
        return latest(self.select(f"fingerprint = '{fingerprint}'", STATE_COLUMNS))

    def read(self, row_ids: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
        """Rows by row id, in the order asked for, blobs included when their column is named."""
        plain = [c for c in columns if c not in self.blobs]
        ids = list(row_ids)
        found = self._rows(ids, plain)
        rows = [dict(found[i]) for i in ids]
        for column in (c for c in columns if c in self.blobs):
            for row, value in zip(rows, self._blobs(column, ids), strict=True):
                row[column] = value
        return rows

    def _blobs(self, column: str, ids: list[int]) -> list[bytes | None]:
        if column not in self.dataset.schema.names:
            return [None] * len(ids)
        return [value for _, value in self.dataset.read_blobs(column, ids=ids, preserve_order=True)]

    def _there(self, columns: Sequence[str]) -> list[str]:
        """Those that the table has. One that newer code declares comes with the first row that is written by it, and
        is null in every row until then."""
        if not set(columns) <= set(self.dataset.schema.names):
            self.dataset.checkout_latest()
        there = set(self.dataset.schema.names)
        return [column for column in columns if column in there]

    def _rows(self, ids: list[int], columns: list[str]) -> dict[int, dict[str, Any]]:
        listed = ",".join(map(str, sorted(set(ids))))
        if self.dataset is None and self.refresh() is None:
            raise StorageError(f"{self.uri} does not exist; run `redub rebuild` first")
        there, nulls = self._there(columns), dict.fromkeys(columns)
        scan = self.dataset.scanner(columns=there, filter=f"_rowid IN ({listed})", with_row_id=True)
        found = {row.pop("_rowid"): nulls | row for row in scan.to_table().to_pylist()}
        missing = set(ids) - found.keys()
        if missing:  # rows committed after this handle was opened
            if self.dataset.latest_version == self.dataset.version:
                raise StorageError(
                    f"rows {sorted(missing)[:5]} are gone from {self.uri}; run `redub rebuild`"
                )
            self.dataset.checkout_latest()
            return self._rows(ids, columns)
        return found

    def select(self, where: str | None, columns: Sequence[str]) -> pa.Table:
        """Columns and _rowid of the rows that match; no rows when the table isn't there yet."""
        dataset = self.refresh()
        if dataset is None:
            fields = [self.schema.field(c) for c in columns]
            return pa.schema([*fields, pa.field("_rowid", pa.uint64())]).empty_table()
        there = self._there(columns)
        found = dataset.scanner(columns=there, filter=where, with_row_id=True).to_table()
        if there == list(columns):
            return found
        for column in set(columns) - set(there):
            field = self.schema.field(column)
            found = found.append_column(field, pa.nulls(found.num_rows, field.type))
        return found.select([*columns, "_rowid"])


def latest(rows: pa.Table) -> pa.Table:
    """Only each parent's newest revision. Most tables hold no second one, and then this is free."""
    if not rows.num_rows or pc.max(rows["revision"]).as_py() == 0:
        return rows
    newest = rows.group_by("parent_id").aggregate([("revision", "max")])
    joined = rows.join(newest, "parent_id")
    return joined.filter(pc.equal(joined["revision"], joined["revision_max"])).select(rows.column_names)


def _table_schema(output: type, blobs: Iterable[str]) -> pa.Schema:
    ledger = [f.with_metadata(PRIMARY_KEY) if f.name == "key" else f for f in schema_of(Ledger)]
    own = [
        lance.blob_field(f.name) if f.name in blobs else f.with_nullable(True)
        for f in schema_of(output)
        if f.name != "id"
    ]
    clash = {f.name for f in own} & set(LEDGER)
    if clash:
        raise TypeError(
            f"{output.__qualname__} names {sorted(clash)}, which every table already has; rename it"
        )
    return pa.schema(ledger + own)


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
