"""What became of each file and of each of its clips, stage by stage, read from the tables of a try."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.recipes import PAIRS
from flows.trying.attempt import Attempt
from storage.ledger.catalog import Catalog
from storage.ledger.mask_verdicts import AWAITING
from storage.ledger.node import SOURCES, Node
from storage.ledger.rows import blob_columns, row_fields
from storage.ledger.selection import Selection
from storage.ledger.table import Status

ACCEPTED, WAITS = "accepted", "waits"


@dataclass(frozen=True)
class End:
    """Where an item's way ended."""

    stage: str
    status: str
    code: str
    reason: str

    @property
    def said(self) -> str:
        """The code by which it is counted, and the sentence."""
        return f"{self.code}: {self.reason}"


@dataclass
class Story:
    """A file or a clip: the plain columns of its rows, and where its way ended."""

    item: str
    name: str
    uri: str
    rows: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Stage -> the values of its accepted row, and `_rowid`."""
    end: End | None = None
    """None: nothing was said against it."""
    pair: End | None = None
    """Why it has no companion, or one that was rejected; that is nothing against the clip itself."""

    @property
    def outcome(self) -> str:
        """accepted, rejected, quarantined, or waits: for a person who looks at it."""
        if self.end is None:
            return ACCEPTED
        return WAITS if self.end.code == AWAITING else self.end.status


@dataclass
class FileStory(Story):
    """A file, and its clips in the order of time."""

    clips: list[Story] = field(default_factory=list)
    parts: int = 1
    """Of a long file only the first one is tried."""


def stories(attempt: Attempt) -> list[FileStory]:
    """Of all files that were tried, as far as the stages have come."""
    chosen, catalog = attempt.chosen, attempt.catalog
    rows = {name: rows_of(catalog, one) for name, one in chosen.items()}
    files = [_file(row) for row in rows[SOURCES.name]]
    for file in files:
        _follow(file, rows, [node for node in attempt.nodes if node.name in chosen])
    return files


def rows_of(catalog: Catalog, selection: Selection) -> list[dict[str, Any]]:
    """A stage's rows of what is tried: everything but what is stored beside the columns."""
    node, ids = selection.node, selection.states["_rowid"].to_pylist()
    if not ids:
        return []
    blobs = set(blob_columns(node.output))
    columns = [name for name in row_fields(node.output) if name != "id" and name not in blobs]
    ledger = ["item_id", "parent_id", "status", "code", "reason"]
    found = catalog.table(node).read(ids, [*ledger, *columns])
    return [row | {"_rowid": at} for row, at in zip(found, ids, strict=True)]


def _file(row: Mapping[str, Any]) -> FileStory:
    file = FileStory(row["item_id"], str(row["uri"]).rsplit("/", 1)[-1], row["uri"])
    _note(file, SOURCES.name, row)
    return file


def _follow(file: FileStory, rows: Mapping[str, Sequence[dict[str, Any]]], nodes: Sequence[Node]) -> None:
    """Down from the file: an item has another id wherever a stage makes several of one."""
    parts: list[Story] = [file]
    for node in nodes:
        of_parent: dict[str, list[dict[str, Any]]] = {}
        for row in rows[node.name]:
            of_parent.setdefault(row["parent_id"], []).append(row)
        if node.expands:
            parts = _expanded(file, parts, node.name, of_parent)
        else:
            for clip in file.clips:
                for row in of_parent.get(clip.item, ()):
                    _note(clip, node.name, row)


def _expanded(
    file: FileStory, parts: Sequence[Story], stage: str, of_parent: Mapping[str, list[dict[str, Any]]]
) -> list[Story]:
    """What a file, or its parts, became: `probe` makes parts, and the last one of these stages clips."""
    below = []
    for row in (row for part in parts for row in of_parent.get(part.item, ())):
        if row["status"] != Status.OK:
            _note(file, stage, row)
            continue
        one = Story(row["item_id"], _named(file.name, row.get("start_s")), file.uri, {stage: row})
        below.append(one)
    file.clips = sorted((one for one in below if "start_s" in one.rows[stage]), key=_place)
    if not file.clips and below:
        file.rows[stage], file.parts = below[0].rows[stage], len(below)
    return below


def _place(clip: Story) -> tuple[float, int]:
    row = next(iter(clip.rows.values()))
    return row["start_s"], row["track"]


def _named(file: str, start_s: float | None) -> str:
    return file if start_s is None else f"{file} at {start_s:.1f} s"


def _note(story: Story, stage: str, row: Mapping[str, Any]) -> None:
    if row["status"] == Status.OK:
        story.rows[stage] = row
        return
    end = End(stage, row["status"], row["code"] or "raised", row["reason"] or "")
    if stage in PAIRS:
        story.pair = story.pair or end
    else:
        story.end = story.end or end
