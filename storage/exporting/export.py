"""Writes a published version into a folder: resumable, and never with half a file under a file's name.

export(catalog, Wanted("v3", Format.WEBDATASET, split="train"), "out", say=print)

The folder is claimed first (`.export.json`), and `manifest.json` is written last: where it is, the export is whole.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from storage.errors import StorageError
from storage.exporting.chosen import Chosen, choose
from storage.exporting.loose_files import LooseFiles, LtxFiles
from storage.exporting.parts import COMPANION, Format
from storage.exporting.shards import Shards
from storage.exporting.tally import Say, Tally
from storage.exporting.whole_files import begin, check_room, flush_names, local_folder, room, write_json
from storage.ledger.catalog import Catalog
from storage.ledger.lock import CatalogBusy, catalog_lock
from storage.versions.facts import counted
from storage.versions.publish import COUNTED
from storage.versions.version import tag_named

MANIFEST = "manifest.json"
CAPTION = "A person talks."
"""Says nothing that would differ between a clip and its companion."""


@dataclass(frozen=True)
class Wanted:
    version: str
    to: Format
    split: str = ""
    """Empty: all of them."""
    relit: bool = False
    shard_bytes: int = 256 << 20
    caption: str = CAPTION


@dataclass(frozen=True)
class Exported:
    folder: str
    version: str
    to: str
    rows: int
    pairs: bool
    files: int
    bytes: int
    found: int
    """Files that were whole before."""
    left_out: int


def export(catalog: Catalog, wanted: Wanted, out: str, say: Say = lambda _: None) -> Exported:
    """Goes on with what an earlier run of the same export left in the folder."""
    wanted = replace(
        wanted, version=tag_named(catalog, wanted.version)
    )  # an alias may move before it goes on
    chosen = choose(catalog, wanted.version, wanted.to, wanted.split, wanted.relit)
    folder = local_folder(out, catalog.root)
    layout = _layout(folder, chosen, wanted)
    files, size = layout.count()
    tally = Tally(files, size, say)
    with _held(folder, wanted), room(folder, tally):
        begin(folder, _about(chosen, wanted, size))
        tally.found(*layout.whole())
        if tally.now.found < files or not (folder / MANIFEST).exists():
            check_room(folder, tally)
            _write(folder, chosen, wanted, layout, tally)
    pairs = any(part.stage == COMPANION for part in chosen.parts)
    return Exported(
        str(folder), wanted.version, str(wanted.to), len(chosen), pairs, files, size, tally.now.found, chosen.left_out
    )  # fmt: skip


def _layout(folder: Path, chosen: Chosen, wanted: Wanted) -> Shards | LooseFiles:
    if wanted.to is Format.WEBDATASET:
        return Shards(folder, chosen, wanted.shard_bytes)
    return LtxFiles(folder, chosen, wanted.caption) if wanted.to is Format.LTX else LooseFiles(folder, chosen)


@contextmanager
def _held(folder: Path, wanted: Wanted) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(catalog_lock(str(folder), f"export of {wanted.version}"))
        except CatalogBusy as busy:
            raise CatalogBusy(f"the export in {folder}", busy.who, "being written") from None
        yield


def _about(chosen: Chosen, wanted: Wanted, size: int) -> dict[str, Any]:
    """What makes two exports the same one. Rows and bytes become fewer when somebody is forgotten."""
    manifest = chosen.version.manifest
    settings: dict[str, Any] = {"split": wanted.split or "all", "relit": wanted.relit}
    if wanted.to is Format.WEBDATASET:
        settings["shard_bytes"] = wanted.shard_bytes
    if wanted.to is Format.LTX:
        settings["caption"] = wanted.caption
    version = {"version": wanted.version, "created": manifest["created"], "content": manifest["content"]}
    return {**version, "format": str(wanted.to), **settings, "rows": len(chosen), "bytes": size}


def _write(folder: Path, chosen: Chosen, wanted: Wanted, layout: Shards | LooseFiles, tally: Tally) -> None:
    (folder / MANIFEST).unlink(missing_ok=True)
    layout.write(tally)
    if (tally.now.files_whole, tally.now.bytes_whole) != layout.count():
        raise StorageError(f"{folder} was changed while it was written; run the same command again")
    about = _about(chosen, wanted, tally.now.bytes) | {"files": tally.now.files, "left_out": chosen.left_out}
    about |= {"parts": [part.column for part in chosen.parts], **layout.finish(), **_counts(chosen)}
    write_json(folder / MANIFEST, {**chosen.version.manifest, "export": about})
    flush_names(folder)


def _counts(chosen: Chosen) -> dict[str, dict[str, int]]:
    """Of the rows that are exported: the version's own are of all."""
    declared = chosen.version.manifest.get("facts", {})
    facts = {fact: declared[fact] for fact in COUNTED if fact in declared}
    rows = chosen.facts(range(len(chosen)), list(dict.fromkeys(facts.values())))
    return {COUNTED[fact]: counted(rows, column) for fact, column in facts.items()}
