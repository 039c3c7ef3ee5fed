"""A dataset version: an immutable tag over a table of members, with the manifest inside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lance
import pyarrow as pa

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import check_space, open_table, storage_error

MANIFEST = b"redub.manifest"
TABLE = "dataset"


@dataclass(frozen=True)
class Version:
    tag: str
    manifest: Mapping[str, Any]
    new: bool = False

    def __str__(self) -> str:
        return f"{self.tag} ({self.manifest['rows']} rows)"


# -- reading ------------------------------------------------------------------------------------------


def tags(catalog: Catalog) -> list[str]:
    """Oldest first."""
    dataset = open_table(catalog, TABLE)
    return sorted(dataset.tags.list(), key=lambda t: int(t[1:])) if dataset is not None else []


def latest_version(catalog: Catalog) -> Version | None:
    known = tags(catalog)
    return load_version(catalog, known[-1])[0] if known else None


def load_version(catalog: Catalog, tag: str) -> tuple[Version, lance.LanceDataset]:
    """A version's manifest and its rows, for ever the same."""
    known = tags(catalog)
    if tag not in known:
        have = f"it has {', '.join(known)}" if known else "it has none; `redub rebuild` publishes one"
        raise StorageError(f"{catalog.root} has no version {tag!r}; {have}")
    dataset = open_table(catalog, TABLE, version=tag)
    return Version(tag, json.loads(dataset.schema.metadata[MANIFEST])), dataset


def member_rows(catalog: Catalog, tag: str, columns: Sequence[str] | None = None) -> pa.Table:
    """A version's rows: one per member, with its facts, its scores, and for every stage the row id of its blobs."""
    return load_version(catalog, tag)[1].to_table(columns=None if columns is None else list(columns))


# -- writing ------------------------------------------------------------------------------------------


def write_version(catalog: Catalog, tag: str, members: pa.Table, manifest: Mapping[str, Any]) -> None:
    uri = catalog.uri(TABLE)
    data = members.replace_schema_metadata({MANIFEST: json.dumps(manifest, ensure_ascii=False).encode()})
    check_space(catalog.root, data.nbytes)
    try:
        dataset = lance.write_dataset(
            data,
            uri,
            mode="create" if open_table(catalog, TABLE) is None else "overwrite",
            data_storage_version="2.2",
            enable_stable_row_ids=True,
            storage_options=catalog.store.options or None,
        )
        set_tag(dataset, tag)
    except OSError as error:
        raise storage_error(catalog.root, error) from error


def set_tag(dataset: lance.LanceDataset, tag: str) -> None:
    """A tag left by a publish that was killed half-way is moved; a finished version's never is."""
    make = dataset.tags.update if tag in dataset.tags.list() else dataset.tags.create
    make(tag, dataset.version)
