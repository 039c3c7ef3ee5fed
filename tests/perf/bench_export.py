"""How many bytes a second an export writes, beside a plain copy of the files that it wrote.

    python -m tests.perf export

Both sides read from the disk's cache and flush each file to the disk before it counts, turn by turn in one process;
the best of several turns counts. Blobs are of the size that they have at 512 pixels, and noise: nothing packs them.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path

from storage.exporting.export import MANIFEST, Wanted, export
from storage.exporting.parts import Format
from storage.ledger.catalog import Catalog
from tests.perf.line import Line, Say
from tests.toy.pairs import published

CLIPS, KB, TURNS = 480, 300, 4


def lines(say: Say) -> list[Line]:
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        say(f"a version of {CLIPS} pairs, {CLIPS * KB * 6 >> 10} MB")
        catalog = published(folder, CLIPS, KB).catalog
        say(f"exported and copied, {TURNS} times, in two formats")
        found = {to: _speeds(catalog, to, folder / to) for to in (Format.WEBDATASET, Format.FOLDER)}
    return [
        line
        for to, (ours, copied) in found.items()
        for line in (
            Line(f"{to}, MB/s", ours / 1e6, note="flushed to the disk"),
            Line("  over a plain copy of its files", ours / copied, "x", at_least=0.8),
        )
    ]


def _speeds(catalog: Catalog, to: Format, folder: Path) -> tuple[float, float]:
    """Bytes a second of an export and of a copy, each in its best turn."""
    ours, copied = 0.0, 0.0
    for turn in range(TURNS):
        made, copy = folder / f"made{turn}", folder / f"copy{turn}"
        begun = time.perf_counter()
        export(catalog, Wanted("v1", to), str(made))
        ours = max(ours, _size(made) / (time.perf_counter() - begun))
        begun = time.perf_counter()
        _copy(made, copy)
        copied = max(copied, _size(copy) / (time.perf_counter() - begun))
        assert (made / MANIFEST).read_bytes() == (copy / MANIFEST).read_bytes()
        shutil.rmtree(made)
        shutil.rmtree(copy)
    return ours, copied


def _copy(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file():
            to = target / path.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)
            with to.open("rb+") as file:
                os.fsync(file.fileno())


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
