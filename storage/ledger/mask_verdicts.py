"""What people decided about rows: a table of its own, to which verdicts are only ever added.

A verdict speaks about one item as it was seen, that is about the row with a certain fingerprint. The newest
one stands. So verdicts survive rebuilds, other recipes and `redub gc`, and never cover what nobody looked at.

How they reach a stage: its Input has a field `review: Review | None`, and its table a column `review` with
the key of the verdict that each row followed. A row that followed another one than the newest is to be tried
again (`reopened`). That asks the tables, so it doesn't matter when or under which recipe a verdict came.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.fingerprint import digest
from storage.ledger.lance_files import open_table
from storage.ledger.node import Node
from storage.ledger.rows import row_fields
from storage.ledger.table import Status

TABLE, COLUMN = "reviews", "review"
AWAITING = "awaiting_review"
"""Code of rows that are rejected until a verdict comes."""
TOLD = 20
"""Wrong lines that a refusal names."""


class ReviewError(StorageError):
    """Verdicts that can't be taken as they are; names the lines."""


class Answer(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"
    REDO = "redo"


@dataclass(frozen=True)
class Review:
    key: str
    item: str
    seen: str
    """Fingerprint of the row that was looked at."""
    verdict: str
    note: str
    who: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.who}, {self.at:%Y-%m-%d %H:%M}" + (f": {self.note}" if self.note else "")


@dataclass(frozen=True)
class Line:
    number: int
    item: str
    verdict: str
    note: str
    seen: str


def follows(row_type: type) -> bool:
    """Whether verdicts are handed to a stage with this Input, or noted in rows of this Output."""
    return COLUMN in row_fields(row_type)


def newest(catalog: Catalog, seen: str) -> dict[str, Review]:
    """Item -> the verdict that stands. Row ids grow with every commit, so clocks need not agree."""
    dataset = open_table(catalog, TABLE)
    if dataset is None:
        return {}
    rows = dataset.to_table(filter=f"seen = '{seen}'", with_row_id=True).sort_by("_rowid")
    return {row["item"]: Review(**row) for row in rows.drop_columns("_rowid").to_pylist()}


def reopened(catalog: Catalog, node: Node, seen: str, states: pa.Table) -> pa.Table:
    """The states of a stage, with each row whose verdict isn't the newest any more as one to try again."""
    verdicts = newest(catalog, seen)
    judged = pc.is_in(states["item_id"], value_set=pa.array(list(verdicts), pa.string()))
    answered = pc.not_equal(states["status"], str(Status.QUARANTINED))
    about = states.filter(pc.and_(judged, answered))
    if not about.num_rows:
        return states
    followed = catalog.table(node).read(about["_rowid"].to_pylist(), [COLUMN])
    both = zip(about["item_id"].to_pylist(), followed, strict=True)
    stale = [item for item, row in both if row[COLUMN] != verdicts[item].key]
    again = pc.is_in(states["item_id"], value_set=pa.array(stale, pa.string()))
    status = pc.if_else(pc.and_(again, answered), str(Status.RETRY), states["status"])
    return states.set_column(states.column_names.index("status"), "status", status)


def give(catalog: Catalog, looked_at: Node, lines: list[Line], who: str) -> tuple[list[Review], int]:
    """Write all verdicts, or none if a line is wrong: those that say something new, and how many did not.

    A line without `seen` is about the newest rows. No lock is needed: what comes in while a rebuild runs is left
    to the next one.
    """
    if not (who := who.strip()):
        raise ReviewError("verdicts need the name of who gave them (--who)")
    lines = [replace(line, seen=line.seen or looked_at.fingerprint) for line in lines]
    if wrong := _wrong(catalog, looked_at, lines):
        told = "\n  ".join(wrong[:TOLD])
        raise ReviewError(f"nothing was written, for {len(wrong)} things are wrong:\n  {told}")
    stand = {seen: newest(catalog, seen) for seen in {line.seen for line in lines}}
    fresh = [line for line in lines if not _repeats(stand[line.seen].get(line.item), line, who)]
    if reviews := [_review(line, who) for line in fresh]:
        catalog.insert(TABLE, Review, reviews)
    return reviews, len(lines) - len(reviews)


def _wrong(catalog: Catalog, looked_at: Node, lines: list[Line]) -> list[str]:
    made = catalog.computations()
    seen = {line.seen for line in lines if line.seen in made and made[line.seen].stage == looked_at.name}
    known = {one: _items(catalog, looked_at, one) for one in seen}
    first: dict[str, int] = {}
    wrong = []
    for line in lines:
        before = first.setdefault(line.item, line.number)
        if line.verdict not in list(Answer):
            wrong.append(f"line {line.number}: {line.verdict!r} is not one of {', '.join(Answer)}")
        if line.item not in known.get(line.seen, ()):
            wrong.append(f"line {line.number}: {looked_at.name} {line.seen} has no item {line.item!r}")
        if before != line.number:
            wrong.append(f"line {line.number}: {line.item!r} is on line {before} already")
    return wrong


def _items(catalog: Catalog, node: Node, fingerprint: str) -> set[str]:
    states = catalog.table(node).states(fingerprint)
    return set(states.filter(pc.equal(states["status"], str(Status.OK)))["item_id"].to_pylist())


def _repeats(stands: Review | None, line: Line, who: str) -> bool:
    return stands is not None and (stands.verdict, stands.note, stands.who) == (line.verdict, line.note, who)


def _review(line: Line, who: str) -> Review:
    at = datetime.now(UTC)
    said = (line.item, line.seen, line.verdict, line.note, who)
    return Review(digest([*said, at.isoformat()]), *said, at)
