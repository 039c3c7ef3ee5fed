"""The rows of a version that are exported, how many bytes each part of each has, and their bytes in batches.

What is held for a row is its id and a few numbers: columns and blobs are read when they are written.
"""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.batches.blobs import VersionBlobs
from storage.errors import StorageError
from storage.exporting.parts import LTX, Format, Part, parts_of
from storage.ledger.catalog import Catalog
from storage.versions.version import Version, load_version

BATCH_BYTES, BATCH_ITEMS = 32 << 20, 512
"""Of one read; whoever reads holds two of them at a time."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Chosen:
    """N rows with P parts each."""

    name: str
    """The version and its catalog, for errors."""
    version: Version
    members: lance.LanceDataset
    blobs: VersionBlobs
    parts: tuple[Part, ...]
    ids: pa.Array
    positions_N: np.ndarray
    """Places of the rows in `members`."""
    rows_NP: np.ndarray
    """Row ids in the tables of the parts' stages."""
    sizes_NP: np.ndarray
    """Bytes; -1 where a row lacks the part."""
    left_out: int
    """Rows without a sound, which the format cannot do without."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def columns(self) -> list[str]:
        """What the version says of an item, without the row ids, which mean something beside the tables alone."""
        inner = {f"{stage}_row" for stage in self.version.manifest["fingerprints"]}
        return [name for name in self.members.schema.names if name not in inner]

    def facts(self, items: Sequence[int] | np.ndarray, columns: Sequence[str] | None = None) -> pa.Table:
        """The scalar columns of some of the rows."""
        names = list(columns or self.columns)
        return self.members.take(self.positions_N[items].tolist(), columns=names)

    def split_column(self) -> str:
        return str(self.version.manifest["facts"]["split"])


def choose(catalog: Catalog, tag: str, to: Format, split: str, relit: bool) -> Chosen:
    version, members = load_version(catalog, tag)
    tag = version.tag
    name = f"{tag} of {catalog.root}"
    parts = parts_of(members.schema.names, to, relit, name)
    columns = list(dict.fromkeys(f"{part.stage}_row" for part in parts))
    rows = members.to_table(columns=["item_id", *columns, *_split_column(version, split, name)])
    positions_N = _positions(rows, version, split, name)
    rows = rows.take(positions_N)
    blobs = VersionBlobs(catalog, tag)
    rows_NP = np.stack([rows[f"{part.stage}_row"].to_numpy() for part in parts], 1)
    sizes_NP = np.stack(
        [blobs.sizes(part.stage, part.column, rows_NP[:, p]) for p, part in enumerate(parts)], 1
    )
    kept_N = _kept(sizes_NP, parts, to, name)
    ids = rows["item_id"].combine_chunks().filter(pa.array(kept_N))
    check_ids(ids, name)
    return Chosen(
        name, version, members, blobs, parts, ids, positions_N[kept_N], rows_NP[kept_N], sizes_NP[kept_N],
        int((~kept_N).sum()),
    )  # fmt: skip


def _split_column(version: Version, split: str, name: str) -> list[str]:
    column = version.manifest.get("facts", {}).get("split")
    if split and not column:
        raise StorageError(
            f"{name} doesn't say which of its columns is the split; export all of it, without --split"
        )
    return [column] if split else []


def _positions(rows: pa.Table, version: Version, split: str, name: str) -> np.ndarray:
    if not split:
        return np.arange(rows.num_rows)
    found_N = pc.equal(rows[version.manifest["facts"]["split"]], split).to_numpy()
    if not found_N.any():
        splits = ", ".join(f"{one} ({count} rows)" for one, count in version.manifest["splits"].items())
        raise StorageError(f"{name} has no row in split {split!r}; it has {splits}")
    return np.flatnonzero(found_N)


def _kept(sizes_NP: np.ndarray, parts: Sequence[Part], to: Format, name: str) -> np.ndarray:
    """A pair without one of its two sounds is none for a trainer that reads a path from every line."""
    if to is not Format.LTX:
        return np.ones(len(sizes_NP), bool)
    needed = [p for p, part in enumerate(parts) if part in LTX.values()]
    kept_N: np.ndarray = np.all(sizes_NP[:, needed] >= 0, axis=1)
    if not kept_N.any():
        raise StorageError(
            f"no pair of {name} has both its sounds, and ltx-trainer reads them; export --to folder"
        )
    return kept_N


def check_ids(ids: pa.Array, name: str) -> None:
    """Names of files are made of them."""
    wrong = next((one for one in ids.to_pylist() if not _ID.fullmatch(one)), None)
    if wrong is not None:
        raise StorageError(
            f"{name} has an item called {wrong!r}, and no file can be named so: ids are up to 64 letters, digits, - and "
            "_; forget it (`redub forget --source`), or rename it where it comes from"
        )


# -- bytes --------------------------------------------------------------------------------------------

Item = tuple[int, dict[Part, bytes]]
"""Which of the rows, and those of its parts that were asked for and that it has."""


def read(chosen: Chosen, items: np.ndarray, wanted_NP: np.ndarray | None = None) -> Iterator[list[Item]]:
    """Batches of these rows, in order: all their parts, or those that are wanted. While one is used, the next is read."""
    with ThreadPoolExecutor(1, "read") as reader:
        ahead: Future[list[Item]] | None = None
        for batch, wanted_BP in _batches(chosen, items, wanted_NP):
            now, ahead = ahead, reader.submit(_read, chosen, batch, wanted_BP)
            if now is not None:
                yield now.result()
                del now
        if ahead is not None:
            yield ahead.result()


def _batches(
    chosen: Chosen, items: np.ndarray, wanted_NP: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    sizes_IP = chosen.sizes_NP[items]
    wanted_IP = (sizes_IP >= 0) if wanted_NP is None else wanted_NP[items] & (sizes_IP >= 0)
    for batch in grouped(np.where(wanted_IP, sizes_IP, 0).sum(1), BATCH_BYTES, BATCH_ITEMS):
        yield items[batch], wanted_IP[batch]


def grouped(sizes_N: np.ndarray, most: int, count: int | None = None) -> list[np.ndarray]:
    """Neighbours together, as many as stay below `most` bytes (and at most `count`), and at least one."""
    groups, start, size = [], 0, 0
    for i, one in enumerate(sizes_N.tolist()):
        if i > start and (size + one > most or i - start == count):
            groups.append(np.arange(start, i))
            start, size = i, 0
        size += one
    return [*groups, np.arange(start, len(sizes_N))] if len(sizes_N) else []


def _read(chosen: Chosen, items: np.ndarray, wanted_BP: np.ndarray) -> list[Item]:
    found: dict[int, dict[Part, bytes]] = {int(item): {} for item in items}
    for p, part in enumerate(chosen.parts):
        these = items[wanted_BP[:, p]]
        if len(these):
            data = chosen.blobs.whole(part.stage, part.column, chosen.rows_NP[these, p])
            for item, blob in zip(these, data, strict=True):
                found[int(item)][part] = blob
    return list(found.items())
