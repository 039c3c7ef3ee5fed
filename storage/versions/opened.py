"""A published version for those who read it from Python: its rows, what is known of it, and the bytes of its stages.

Reads only, and always the same: all handles are pinned to the version, whatever a rebuild does meanwhile.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lance
import pyarrow as pa

from storage.errors import StorageError
from storage.ledger.catalog import existing_catalog
from storage.ledger.lance_files import open_table
from storage.store import Store
from storage.versions.rows import filtered
from storage.versions.version import load_version, tags

AT_ONCE = 64
"""Blobs that are read in one request."""


def open_version(
    catalog: str, version: str = "", storage_options: Mapping[str, str] | None = None
) -> "OpenedVersion":
    """`version`: v3, an alias, or a day as 2026-11-20; empty is the newest. `storage_options` are those of Lance."""
    tables = existing_catalog(catalog, Store(dict(storage_options or {})))
    known = tags(tables)
    if not (version or known):
        raise StorageError(f"{tables.root} has no version yet; `redub rebuild` publishes one")
    found, _ = load_version(tables, version or known[-1])
    return OpenedVersion(tables.root, found.tag, found.manifest, tables.store)


@dataclass(frozen=True)
class OpenedVersion:
    """Pickles, so that it can be handed to workers: tables are opened where they are read."""

    catalog: str
    tag: str
    manifest: Mapping[str, Any]
    store: Store

    def lance(self, stage: str = "") -> lance.LanceDataset:
        """The members, or a stage's table, as Lance sees it at this version."""
        where = existing_catalog(self.catalog, self.store)
        if stage and stage not in self.manifest["fingerprints"]:
            known = ", ".join(self.manifest["fingerprints"])
            raise StorageError(
                f"{self.tag} of {self.catalog} was made without {stage!r}; its stages are {known}"
            )
        return open_table(where, stage or "dataset", version=self.tag)

    @property
    def columns(self) -> list[str]:
        return list(self.lance().schema.names)

    def rows(self, where: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """One row a member. `where`: a filter as in SQL, `quality_sharpness > 8 AND speakers_split = 'train'`."""
        return filtered(self.lance(), f"{self.tag} of {self.catalog}", where, columns)

    def split(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of one split."""
        column = self.manifest.get("facts", {}).get("split")
        if name not in self.manifest["splits"] or not column:
            raise StorageError(
                f"{self.tag} of {self.catalog} has no split {name!r}; it has {', '.join(self.manifest['splits'])}"
            )
        return self.rows(f"{column} = '{name}'", columns)

    def blobs(self, stage: str, column: str, row_ids: Sequence[int]) -> Iterator[bytes | None]:
        """What a stage made of each row: `row_ids` are from the column `<stage>_row`. None where it made nothing."""
        table = self.lance(stage)
        for start in range(0, len(row_ids), AT_ONCE):
            ids = [int(one) for one in row_ids[start : start + AT_ONCE]]
            yield from (data for _, data in table.read_blobs(column, ids=ids, preserve_order=True))
