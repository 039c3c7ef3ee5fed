"""Reads the bytes of many rows of a version at once, in whichever process asks.

One request a column and batch: Lance plans it, joins what lies side by side, and reads at once. Read one by one,
blobs take five to ten times as long.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table

Part = tuple[int, int, int]
"""Row id, first byte, count of bytes."""


class VersionBlobs:
    """The blobs of one version's rows. Pickles: a table is opened by the process that first reads it."""

    def __init__(self, catalog: Catalog, tag: str) -> None:
        self._catalog, self._tag = catalog, tag
        self._tables: dict[str, Any] = {}
        self._process = os.getpid()

    def __reduce__(self) -> tuple[Any, ...]:
        return VersionBlobs, (self._catalog, self._tag)

    def whole(self, stage: str, column: str, rows: Sequence[int] | np.ndarray) -> list[bytes]:
        """All bytes of each row's blob. A row that is asked for twice is read once."""
        unique, places = np.unique(np.asarray(rows, np.uint64), return_inverse=True)
        read = self._table(stage).read_blobs(column, ids=unique.tolist(), preserve_order=True)
        blobs = [self._there(data, stage, column) for _, data in read]
        return [blobs[place] for place in places]

    def parts(self, stage: str, column: str, parts: Sequence[Part]) -> list[bytes]:
        """Some of the bytes of each row's blob."""
        read = self._table(stage).read_blob_ranges(column, parts, selector="ids", preserve_order=True)
        return [self._there(data, stage, column) for _, _, data in read]

    def sizes(self, stage: str, column: str, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Bytes of each row's blob, -1 where it has none. Reads no blob: a table knows how long they are."""
        scan = self._table(stage).scanner(
            columns=[column], with_row_id=True, blob_handling="blobs_descriptions"
        )
        found = [(batch["_rowid"].to_numpy(), _sizes(batch[column])) for batch in scan.to_batches()]
        known, sizes = (np.concatenate(one) for one in zip(*found, strict=True))
        order = np.argsort(known)
        places = order[np.searchsorted(known, rows, sorter=order).clip(max=len(known) - 1)]
        if (known[places] != np.asarray(rows, np.uint64)).any():
            raise StorageError(
                f"rows that {self._tag} points at are gone from {self._catalog.uri(stage)}; copy it back"
            )
        return sizes[places]

    def _table(self, stage: str) -> Any:
        if self._process != os.getpid():
            raise StorageError(
                "Lance does not survive a fork, and would hang without a word: give the DataLoader "
                "multiprocessing_context='spawn'"
            )
        if stage not in self._tables:
            table = open_table(self._catalog, stage, self._tag)
            if table is None:
                raise StorageError(
                    f"{self._catalog.uri(stage)} is gone, and {self._tag} points at its rows; copy it back"
                )
            self._tables[stage] = table
        return self._tables[stage]

    def _there(self, data: bytes | None, stage: str, column: str) -> bytes:
        if data is None:
            raise StorageError(
                f"a row of {self._tag} has no {column!r} in {self._catalog.uri(stage)}; run `redub rebuild`"
            )
        return data


def _sizes(descriptions: pa.StructArray) -> np.ndarray:
    sizes = pc.struct_field(descriptions, "size").cast(pa.int64())
    return pc.if_else(descriptions.is_valid(), sizes, -1).to_numpy(zero_copy_only=False)
