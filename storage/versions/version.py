"""A dataset version: an immutable tag over a table of members, with the manifest inside it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import lance
import pyarrow as pa

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import check_space, open_table, storage_error
from storage.versions.aliases import aliases

MANIFEST = b"redub.manifest"
TABLE = "dataset"
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


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
    """A version's manifest and its rows, for ever the same. `tag` may be an alias or a date: see tag_named."""
    tag = tag_named(catalog, tag)
    dataset = open_table(catalog, TABLE, version=tag)
    return Version(tag, json.loads(dataset.schema.metadata[MANIFEST])), dataset


def tag_named(catalog: Catalog, name: str) -> str:
    """The version that is meant: v3 itself, an alias, or a day in UTC, at whose end it was the newest one."""
    known = tags(catalog)
    if name in known:
        return name
    named = aliases(catalog)
    if named.get(name) in known:
        return named[name]
    if known and DATE.fullmatch(name):
        return _newest_on(catalog, known, name)
    told = [*known, *(f"{alias} ({tag})" for alias, tag in named.items())]
    have = f"it has {', '.join(told)}" if known else "it has none; `redub rebuild` publishes one"
    raise StorageError(f"{catalog.root} has no version {name!r}; {have}")


def _newest_on(catalog: Catalog, known: Sequence[str], day: str) -> str:
    try:
        datetime.fromisoformat(day)
    except ValueError:
        raise StorageError(f"{day} is no day of the calendar; give year-month-day, as 2026-11-20") from None
    for tag in reversed(known):
        created = load_version(catalog, tag)[0].manifest["created"][: len(day)]
        if created <= day:
            return tag
    raise StorageError(f"{catalog.root} had no version on {day}: {known[0]} was made on {created}")


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
