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

import errno
import logging
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import lance
import pyarrow as pa
import pyarrow.compute as pc

from storage.rows import is_blob, row_fields, schema_of

PRIMARY_KEY = {"lance-schema:unenforced-primary-key": "true"}
SMALL_FRAGMENTS = 48
"""Compact when a table holds so many: every manifest lists them all, and each scan opens them all."""
KEEP_OLD = timedelta(minutes=5)
"""Readers may still be in a version that compaction replaced."""
DISK_MARGIN = 64 << 20


class StorageError(RuntimeError):
    """Something a person must mend (a full disk, a table of another shape); says what to do."""


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
            self.dataset = _evolve(dataset, self.schema)
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
            for row, (_, value) in zip(
                rows, self.dataset.read_blobs(column, ids=ids, preserve_order=True), strict=True
            ):
                row[column] = value
        return rows

    def _rows(self, ids: list[int], columns: list[str]) -> dict[int, dict[str, Any]]:
        listed = ",".join(map(str, sorted(set(ids))))
        if self.dataset is None and self.refresh() is None:
            raise StorageError(f"{self.uri} does not exist; run `redub rebuild` first")
        scan = self.dataset.scanner(columns=columns, filter=f"_rowid IN ({listed})", with_row_id=True)
        found = {row.pop("_rowid"): row for row in scan.to_table().to_pylist()}
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
        return dataset.scanner(columns=list(columns), filter=where, with_row_id=True).to_table()


class Follower:
    """What was committed since the last look: new fragments only, so a long run stays linear.

    Compaction rewrites old rows into new fragments; stable row ids only ever grow, so a high-water
    mark tells old rows from new ones.
    """

    def __init__(self, table: Table, fingerprint: str) -> None:
        self.table, self.fingerprint = table, fingerprint
        self.seen: set[int] = set()
        self.mark = -1

    def skip_to_now(self) -> None:
        """Only what is committed from here on is new."""
        dataset = self.table.refresh()
        if dataset is None:
            return
        self.seen = {f.fragment_id for f in dataset.get_fragments()}
        rows = dataset.scanner(columns=[], with_row_id=True).to_table()["_rowid"]
        self.mark = pc.max(rows).as_py() if len(rows) else -1

    def new(self) -> pa.Table:
        dataset = self.table.refresh()
        fragments = dataset.get_fragments() if dataset is not None else []
        fragments = [f for f in fragments if f.fragment_id not in self.seen]
        self.seen.update(f.fragment_id for f in fragments)
        if dataset is None or not fragments:
            return _no_states()
        rows = dataset.scanner(
            columns=STATE_COLUMNS,
            filter=f"fingerprint = '{self.fingerprint}'",
            fragments=fragments,
            with_row_id=True,
        ).to_table()
        rows = rows.filter(pc.greater(rows["_rowid"], self.mark))
        if rows.num_rows:
            self.mark = pc.max(rows["_rowid"]).as_py()
        return latest(rows)


def _no_states() -> pa.Table:
    fields = [f for f in schema_of(Ledger) if f.name in STATE_COLUMNS]
    order = [next(f for f in fields if f.name == c) for c in STATE_COLUMNS]
    return pa.schema([*order, pa.field("_rowid", pa.uint64())]).empty_table()


def latest(rows: pa.Table) -> pa.Table:
    """Only each parent's newest revision. Most tables hold no second one, and then this is free."""
    if not rows.num_rows or pc.max(rows["revision"]).as_py() == 0:
        return rows
    newest = rows.group_by("parent_id").aggregate([("revision", "max")])
    joined = rows.join(newest, "parent_id")
    return joined.filter(pc.equal(joined["revision"], joined["revision_max"])).select(rows.column_names)


# -- Lance, and only Lance, below ----------------------------------------------------------------------


def open_dataset(uri: str, options: dict[str, str] | None = None, version: Any = None) -> Any:
    """The dataset, or None when nothing is there."""
    try:
        return lance.dataset(uri, version=version, storage_options=options)
    except ValueError as error:
        if "not found" in str(error).lower() or "does not exist" in str(error).lower():
            return None
        raise


def create_dataset(uri: str, schema: pa.Schema, options: dict[str, str] | None = None) -> lance.LanceDataset:
    try:
        return lance.write_dataset(
            schema.empty_table(),
            uri,
            schema=schema,
            data_storage_version="2.2",
            enable_stable_row_ids=True,
            storage_options=options,
        )
    except OSError as error:
        if "already exists" in str(error):  # somebody was quicker
            return lance.dataset(uri, storage_options=options)
        raise storage_error(uri, error) from error


def insert_new(dataset: lance.LanceDataset, data: pa.Table, key: str) -> int:
    """Insert the rows whose key is not there yet, atomically, safe beside other writers."""
    check_space(dataset.uri, data.nbytes)
    merge = dataset.merge_insert(key).when_not_matched_insert_all().use_index(False).conflict_retries(50)
    try:
        return merge.execute(data)["num_inserted_rows"]
    except (OSError, RuntimeError) as error:
        raise storage_error(dataset.uri, error) from error


def check_space(uri: str, needed: int) -> None:
    """Stop before the disk is full: afterwards not even the reason could be written."""
    if re.match(r"^\w+://", uri) and not uri.startswith("file://"):
        return
    free = shutil.disk_usage(uri.removeprefix("file://")).free
    if free < DISK_MARGIN + 2 * needed:
        raise StorageError(
            f"the disk under {uri} is full ({free >> 20} MB left, {(DISK_MARGIN + 2 * needed) >> 20} MB wanted); "
            "free some space (`redub gc`) and run the same command again: it goes on where it stopped"
        )


def storage_error(uri: str, error: BaseException) -> BaseException:
    """A full disk in words; anything else as it is."""
    if getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error):
        return StorageError(
            f"the disk under {uri} is full; free some space (`redub gc`) and run the same command again"
        )
    return error


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


def _evolve(dataset: lance.LanceDataset, wanted: pa.Schema) -> lance.LanceDataset:
    """Give an older table the columns that a stage gained. Rows that lack them hold null."""
    have = {f.name: f for f in dataset.schema}
    changed = [f.name for f in wanted if f.name in have and _plain(f) != _plain(have[f.name])]
    if changed:
        raise StorageError(
            f"{dataset.uri}: column {changed[0]!r} is {have[changed[0]].type} and the code now says "
            f"{wanted.field(changed[0]).type}; give the new column another name"
        )
    missing = [f for f in wanted if f.name not in have]
    if missing:
        logging.getLogger(__name__).info("adding %s to %s", [f.name for f in missing], dataset.uri)
        _add_columns(dataset, missing)
    return dataset


def _add_columns(dataset: lance.LanceDataset, missing: list[pa.Field]) -> None:
    """Of two writers that add the same columns at once, Lance lets one through; the other then has them."""
    try:
        dataset.add_columns(pa.schema(missing))
    except (OSError, ValueError):
        dataset.checkout_latest()
        if not {f.name for f in missing} <= set(dataset.schema.names):
            raise
    dataset.checkout_latest()


def _plain(field: pa.Field) -> Any:
    """A column's type for comparing; a blob reads back as its descriptor."""
    is_lance_blob = isinstance(field.type, lance.blob.BlobType) or b"lance-encoding:blob" in (
        field.metadata or {}
    )
    return "blob" if is_lance_blob else field.type
