"""Plain files, a folder for each part, and a table that says which belong together.

clips/ID.mp4, companions/ID.mp4, audio/ID.flac, ...     the parts
dataset.parquet     all scalar columns, and `<part>_path` from this folder
dataset.jsonl       for ltx-trainer instead: a line of paths and a caption a pair
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.exporting.chosen import Chosen, Item, read
from storage.exporting.parts import LTX, LTX_RELIT, Part
from storage.exporting.tally import Tally
from storage.exporting.whole_files import flush_names, whole_file, write_whole

TABLE, LINES = "dataset.parquet", "dataset.jsonl"
WRITERS = 8
"""Files that are flushed to the disk at the same time: it takes them together."""
ROWS = 8192


@dataclass(frozen=True)
class LooseFiles:
    folder: Path
    chosen: Chosen

    def write(self, tally: Tally) -> None:
        folders = [self.folder / part.folder for part in self.chosen.parts]
        for one in folders:
            one.mkdir(exist_ok=True)
        missing_NP = self._missing()
        items = np.flatnonzero(missing_NP.any(1))
        with ThreadPoolExecutor(WRITERS, "write") as writers:
            for batch in read(self.chosen, items, missing_NP):
                for size in writers.map(self._write, self._files(batch)):
                    tally.add(1, size)
        for one in folders:
            flush_names(one)

    def count(self) -> tuple[int, int]:
        return int((self.chosen.sizes_NP >= 0).sum()), int(self.chosen.sizes_NP.clip(min=0).sum())

    def whole(self) -> tuple[int, int]:
        missing_NP = self._missing()
        files, size = self.count()
        return files - int(missing_NP.sum()), size - int(self.chosen.sizes_NP[missing_NP].sum())

    def finish(self) -> dict[str, Any]:
        write_table(self.folder / TABLE, self.chosen)
        return {"table": TABLE}

    def _missing(self) -> np.ndarray:
        """What has its name is whole; a file of another size is none of ours."""
        missing_NP = self.chosen.sizes_NP >= 0
        for p, part in enumerate(self.chosen.parts):
            there = _sizes(self.folder / part.folder)
            names = (f"{one}.{part.ending}" for one in self.chosen.ids.to_pylist())
            found_N = np.fromiter((there.get(name, -1) for name in names), np.int64, len(self.chosen))
            missing_NP[:, p] &= found_N != self.chosen.sizes_NP[:, p]
        return missing_NP

    def _files(self, batch: list[Item]) -> Iterator[tuple[Path, bytes]]:
        for item, blobs in batch:
            name = self.chosen.ids[item].as_py()
            for part, data in blobs.items():
                yield self.folder / path_of(part, name), data

    def _write(self, file: tuple[Path, bytes]) -> int:
        write_whole(*file)
        return len(file[1])


@dataclass(frozen=True)
class LtxFiles(LooseFiles):
    caption: str

    def finish(self) -> dict[str, Any]:
        lines = 0
        with whole_file(self.folder / LINES) as file:
            for line in ltx_lines(self.chosen, self.caption):
                file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
                lines += 1
        return {"table": LINES, "lines": lines, "caption": self.caption}


def path_of(part: Part, item: str) -> str:
    return f"{part.folder}/{item}.{part.ending}"


def _sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()} if folder.is_dir() else {}


def write_table(path: Path, chosen: Chosen) -> None:
    with whole_file(path) as file:
        writer: pq.ParquetWriter | None = None
        for start in range(0, len(chosen), ROWS):
            items = np.arange(start, min(start + ROWS, len(chosen)))
            rows = _with_paths(chosen, items)
            writer = writer or pq.ParquetWriter(file, rows.schema)
            writer.write_table(rows)
        assert writer is not None, "a version has rows"
        writer.close()


def _with_paths(chosen: Chosen, items: np.ndarray) -> pa.Table:
    rows = chosen.facts(items).replace_schema_metadata()
    ids = rows["item_id"].to_pylist()
    for p, part in enumerate(chosen.parts):
        has = chosen.sizes_NP[items, p] >= 0
        paths = [path_of(part, one) if there else None for one, there in zip(ids, has, strict=True)]
        rows = rows.append_column(f"{part.column}_path", pa.array(paths, pa.string()))
    return rows


def ltx_lines(chosen: Chosen, caption: str) -> Iterator[dict[str, str]]:
    """A relit pair is a line of its own after the one it was made from, with the same sounds."""
    at = {part: p for p, part in enumerate(chosen.parts)}
    layouts = [one for one in (LTX, LTX_RELIT) if set(one.values()) <= at.keys()]
    for item, name in enumerate(chosen.ids.to_pylist()):
        for layout in layouts:
            if all(chosen.sizes_NP[item, at[part]] >= 0 for part in layout.values()):
                paths = {column: path_of(part, name) for column, part in layout.items()}
                yield paths | {"caption": caption}
