"""Tar shards for WebDataset: the files of an item lie side by side and share its id up to the first dot.

shard-000000.tar     ID.video.mp4, ID.audio.flac, ID.companion.mp4, ..., ID.json; then those of the next item
shards.json          names, samples and bytes of the shards, as the package's `wids` reads it

The same rows make the same bytes: no time and no owner is in them, and which items share a shard follows from sizes.
"""

import json
import math
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from storage.exporting.chosen import Chosen, Item, grouped, read
from storage.exporting.tally import Tally
from storage.exporting.whole_files import flush_names, whole_file, write_json

INDEX = "shards.json"
AT_ONCE = 2
"""Shards: one is written while another is flushed to the disk."""


@dataclass(frozen=True)
class Shards:
    folder: Path
    chosen: Chosen
    shard_bytes: int

    def write(self, tally: Tally) -> None:
        with ThreadPoolExecutor(AT_ONCE, "shard") as writers:
            for _ in writers.map(lambda one: self._write(one[0], one[1], tally), self._missing()):
                pass  # the first that fails ends it, and what was not begun is not begun
        flush_names(self.folder)

    def count(self) -> tuple[int, int]:
        """Files, and bytes of blobs."""
        return len(self._all()), self._size(np.arange(len(self.chosen)))

    def whole(self) -> tuple[int, int]:
        missing = self._missing()
        files, size = self.count()
        return files - len(missing), size - sum(self._size(items) for _, items in missing)

    def finish(self) -> dict[str, Any]:
        shards = [
            {"url": path.name, "nsamples": len(items), "filesize": path.stat().st_size}
            for path, items in self._all()
        ]
        index = {"__kind__": "wids-shard-index-v1", "wids_version": 1, "shardlist": shards}
        write_json(self.folder / INDEX, index)
        return {"shards": len(shards), "shard_bytes": self.shard_bytes}

    def _all(self) -> list[tuple[Path, np.ndarray]]:
        sizes_N = self.chosen.sizes_NP.clip(min=0).sum(1)
        groups = grouped(sizes_N, self.shard_bytes)
        return [(self.folder / f"shard-{i:06d}.tar", items) for i, items in enumerate(groups)]

    def _missing(self) -> list[tuple[Path, np.ndarray]]:
        return [(path, items) for path, items in self._all() if not path.exists()]

    def _size(self, items: np.ndarray) -> int:
        return int(self.chosen.sizes_NP[items].clip(min=0).sum())

    def _write(self, path: Path, items: np.ndarray, tally: Tally) -> None:
        written = 0
        try:
            with whole_file(path) as file:
                for batch in read(self.chosen, items):
                    size = self._add(file, batch)
                    tally.add(0, size)
                    written += size
                end_tar(file)
        except BaseException:
            tally.add(0, -written)
            raise
        tally.add(1, 0)

    def _add(self, file: BinaryIO, batch: list[Item]) -> int:
        said = self.chosen.facts([item for item, _ in batch]).to_pylist()
        for (_, blobs), row in zip(batch, said, strict=True):
            for part, data in blobs.items():
                add_file(file, f"{row['item_id']}.{part.member}", data)
            add_file(file, f"{row['item_id']}.json", as_json(row))
        return sum(len(data) for _, blobs in batch for data in blobs.values())


def as_json(row: dict[str, Any]) -> bytes:
    return json.dumps(_plain(row), ensure_ascii=False, sort_keys=True, default=_text).encode()


def _plain(value: Any) -> Any:
    """JSON has no NaN: it is null there."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def add_file(file: BinaryIO, name: str, data: bytes) -> None:
    """As `TarFile.addfile`, which copies what it is given twice."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    file.write(member.tobuf(tarfile.USTAR_FORMAT))
    file.write(data)
    file.write(bytes(-len(data) % tarfile.BLOCKSIZE))


def end_tar(file: BinaryIO) -> None:
    file.write(bytes(2 * tarfile.BLOCKSIZE))
    file.write(bytes(-file.tell() % tarfile.RECORDSIZE))
