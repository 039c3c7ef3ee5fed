"""What storage asks of Lance: open, create and extend a dataset, and insert rows without doubling any.

Private to storage: what a dataset holds is for others to ask of tables, versions and the overview.
"""

import errno
import logging
import re
import shutil
from datetime import timedelta
from typing import Any, Protocol

import lance
import pyarrow as pa

from storage.addresses import told_plainly
from storage.errors import StorageError
from storage.store import Store

PRIMARY_KEY = {"lance-schema:unenforced-primary-key": "true"}
DISK_MARGIN = 64 << 20
SMALL_FRAGMENTS = 48
"""Compact when a table holds so many: every manifest lists them all, and each scan opens them all."""
KEEP_OLD = timedelta(minutes=5)
"""Readers may still be in a version that compaction replaced."""


def open_dataset(uri: str, options: dict[str, str] | None = None, version: Any = None) -> Any:
    """The dataset, or None when nothing is there."""
    try:
        with told_plainly(uri):
            return lance.dataset(uri, version=version, storage_options=options)
    except ValueError as error:
        if "not found" in str(error).lower() or "does not exist" in str(error).lower():
            return None
        raise


class Place(Protocol):
    """Where tables lie: a catalog."""

    store: Store

    def uri(self, name: str) -> str: ...


def open_table(catalog: Place, name: str, version: str | None = None) -> Any:
    """A table of a catalog as Lance sees it, at a published version if one is named; None when it isn't there."""
    return open_dataset(catalog.uri(name), catalog.store.options, version)


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


def merge_small_fragments(dataset: lance.LanceDataset) -> None:
    """In a table of records. Of two that do it at once, one leaves it to the other."""
    if len(dataset.get_fragments()) < SMALL_FRAGMENTS:
        return
    try:
        dataset.optimize.compact_files(num_threads=1)
    except (OSError, RuntimeError) as error:
        if "conflict" not in str(error).lower():
            raise storage_error(dataset.uri, error) from error
        logging.getLogger(__name__).info("%s is being merged by another writer: %s", dataset.uri, error)
        return
    dataset.checkout_latest()
    dataset.cleanup_old_versions(older_than=KEEP_OLD, error_if_tagged_old_versions=False)


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


def add_missing_columns(dataset: lance.LanceDataset, wanted: pa.Schema) -> lance.LanceDataset:
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
