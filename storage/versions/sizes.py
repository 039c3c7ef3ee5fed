"""How many bytes a catalog takes: by table, by version, and what tidying (`redub gc`) would free. Only looks.

Bytes of tables are those on disk. Bytes of versions are those of their rows' values, which versions share: their sum
is more than the disk holds.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.ledger.newest import newest_fingerprints, stage_order
from storage.versions.garbage import reached_by, unreached
from storage.versions.version import load_version, tags

DATA, MANIFESTS = "/data/", "/_versions/"
NEWEST_FIRST = 2**64 - 1
"""Lance names the manifest of a table's state by how far it is from this."""


@dataclass(frozen=True)
class TableSize:
    """A table, or a folder of files as that of the trainings."""

    name: str
    stage: bool
    """Whether a stage computed it."""
    bytes: int
    rows: int
    unreached: int
    """Bytes of rows that no version and no unfinished rebuild reaches."""
    replaced: int
    """Bytes of files that were written anew, and that no version needs any more."""


@dataclass(frozen=True)
class VersionSize:
    version: str
    rows: int
    bytes: int
    """Of the values of its rows, in the tables of all stages."""
    alone: int
    """Of these settings' rows, what no other version and no unfinished rebuild reaches: giving it up frees that."""


@dataclass(frozen=True)
class Sizes:
    root: str
    bytes: int
    freed: int
    """What `redub gc --yes` would free at least: Lance's notes of old commits come on top."""
    tables: tuple[TableSize, ...]
    """Largest first."""
    versions: tuple[VersionSize, ...]
    """Newest first."""


def sizes(catalog: Catalog) -> Sizes:
    found = _entries(catalog)
    stages = stage_order(catalog)
    gone = unreached(reached_by(catalog, tags(catalog)))
    tables = [_table(catalog, name, size, name in stages, gone) for name, size in found.items()]
    tables.sort(key=lambda one: -one.bytes)
    total, freed = sum(found.values()), sum(one.unreached + one.replaced for one in tables)
    return Sizes(catalog.root, total, freed, tuple(tables), tuple(_versions(catalog, stages)))


def _entries(catalog: Catalog) -> dict[str, int]:
    """Table or folder -> its bytes on disk. Files beside them, as the lock, come to nothing."""
    fs, path = catalog.store.filesystem(catalog.root)
    found: Counter[str] = Counter()
    for file, info in fs.find(path, detail=True).items():
        name, slash, _ = file.removeprefix(path).lstrip("/").partition("/")
        if slash:
            found[name.removesuffix(".lance")] += int(info["size"] or 0)
    return dict(found)


def _table(catalog: Catalog, name: str, size: int, stage: bool, gone: str) -> TableSize:
    dataset = open_table(catalog, name)
    if dataset is None:
        return TableSize(name, stage, size, 0, 0, 0)
    lost = 0
    if stage and "fingerprint" in dataset.schema.names:
        lost = pc.sum(dataset.to_table(columns=["bytes"], filter=gone)["bytes"]).as_py() or 0
    replaced = _replaced(catalog, name, dataset) if stage or name == "dataset" else 0
    return TableSize(name, stage, size, dataset.count_rows(), lost, replaced)


def _replaced(catalog: Catalog, name: str, newest: Any) -> int:
    """Files that neither the newest state nor a version names. A blob lies in a folder called as its file."""
    kept, states = _files(newest), {newest.version}
    for tag, about in newest.tags.list().items():
        kept |= _files(open_table(catalog, name, version=tag))
        states.add(about["version"])
    manifests = {f"{NEWEST_FIRST - state}" for state in states}
    return _others(catalog, name, DATA, kept) + _others(catalog, name, MANIFESTS, manifests)


def _others(catalog: Catalog, name: str, folder: str, kept: set[str]) -> int:
    fs, path = catalog.store.filesystem(catalog.uri(name) + folder)
    if not fs.exists(path):
        return 0
    found = fs.find(path, detail=True)
    return sum(int(info["size"] or 0) for file, info in found.items() if _stem(file, folder) not in kept)


def _files(dataset: Any) -> set[str]:
    parts = (file for fragment in dataset.get_fragments() for file in fragment.data_files())
    return {file.path.removesuffix(".lance") for file in parts}


def _stem(file: str, folder: str) -> str:
    """A file's name without its kind, or the name of the folder that it lies in."""
    return file.rpartition(folder)[2].partition("/")[0].partition(".")[0]


# -- versions -----------------------------------------------------------------------------------------


def _versions(catalog: Catalog, stages: list[str]) -> list[VersionSize]:
    held = {tag: load_version(catalog, tag) for tag in tags(catalog)}
    weights = {stage: _bytes_of(catalog, stage) for stage in stages}
    users: Counter[str] = Counter(newest_fingerprints(catalog).values())
    for version, _ in held.values():
        users.update(set(version.manifest["fingerprints"].values()))
    found = []
    for tag, (version, members) in reversed(held.items()):
        size = sum(_pointed_at(members, stage, rows) for stage, rows in weights.items())
        alone = sum(
            _of_fingerprint(weights[stage], one)
            for stage, one in version.manifest["fingerprints"].items()
            if users[one] == 1 and stage in weights
        )
        found.append(VersionSize(tag, version.manifest["rows"], size, alone))
    return found


def _bytes_of(catalog: Catalog, stage: str) -> pa.Table:
    dataset = open_table(catalog, stage)
    if dataset is None:
        return pa.table({"_rowid": pa.array([], pa.uint64()), "bytes": pa.array([], pa.int64())})
    return dataset.scanner(columns=["fingerprint", "bytes"], with_row_id=True).to_table()


def _pointed_at(members: Any, stage: str, rows: pa.Table) -> int:
    column = f"{stage}_row"
    if column not in members.schema.names:
        return 0
    ids = members.to_table(columns=[column])[column].combine_chunks()
    mine = pc.is_in(rows["_rowid"], value_set=ids.cast(pa.uint64()))
    return int(pc.sum(rows["bytes"].filter(mine)).as_py() or 0)


def _of_fingerprint(rows: pa.Table, fingerprint: str) -> int:
    if "fingerprint" not in rows.column_names:
        return 0
    return int(pc.sum(rows["bytes"].filter(pc.equal(rows["fingerprint"], fingerprint))).as_py() or 0)
