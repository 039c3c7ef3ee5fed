"""Which rows of a stage to look at, and where their pictures are: the newest rebuild's, spread over kinds.

A stage need not have pictures: its rows are followed up to the nearest stage that has. Nothing here knows
a stage by name; a blob column called poster, sheet or video is what makes rows visible.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.recipes import STAGES
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.newest import newest_fingerprint
from storage.ledger.node import SOURCES
from storage.ledger.rows import blob_columns, row_fields
from storage.ledger.table import Status, Table, latest

STILL, MOVING = ("poster", "sheet"), ("video",)
LEDGER = ["item_id", "parent_id", "revision", "status", "code", "reason"]
NAMES, PEOPLE = ("name", "uri", "start_s"), ("speaker", "named_speaker")
POOL = 12
"""Rows followed for each that is shown: enough to spread the choice, few enough for a table of millions."""


@dataclass
class Shown:
    """A row to look at, and the rows it came from, nearest first: stage -> its values and `_rowid`."""

    stage: str
    row: Mapping[str, Any]
    way: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def fact(self, names: Sequence[str]) -> Any:
        """The nearest value, the row's own first, under any of these names; None when there is none."""
        rows = (self.row, *self.way.values())
        return next((row[n] for row in rows for n in names if row.get(n) not in (None, "")), None)

    @property
    def name(self) -> str:
        """The take's or the file's name, and where in it a clip begins."""
        uri, start = self.fact(("uri",)), self.fact(("start_s",))
        file = self.fact(("name",)) or (str(uri).rsplit("/", 1)[-1] if uri else str(self.row["item_id"]))
        return f"{file} {start:.1f}s" if start else file


@dataclass(frozen=True)
class Order:
    """By a column of the stage, or `stage.column` of one before it that speaks of the same items."""

    column: str
    highest: bool = False


def rows_to_show(
    catalog: Catalog, stage: str, only: str, limit: int, order: Order | None = None
) -> list[Shown]:
    """At most `limit` rows that ended as `only` says: of each person, or reason, in turn, or in an order."""
    rows = _ended(catalog, stage, only)
    if order is not None:
        first = [
            Shown(stage, row) for row in _ordered(catalog, stage, rows, order).slice(0, limit).to_pylist()
        ]
        _follow_up(catalog, stage, first)
        return first
    step = max(1, rows.num_rows // (POOL * limit))
    pool = rows.sort_by("item_id").take(list(range(0, rows.num_rows, step))).to_pylist()
    shown = [Shown(stage, row) for row in pool]
    _follow_up(catalog, stage, shown)
    groups: dict[Any, list[Shown]] = defaultdict(list)
    for item in shown:
        groups[item.row["code"] or item.fact(PEOPLE) or item.fact(NAMES)].append(item)
    turns = zip_longest(*(groups[key] for key in sorted(groups, key=str)))
    return [item for turn in turns for item in turn if item is not None][:limit]


def _ordered(catalog: Catalog, stage: str, rows: pa.Table, order: Order) -> pa.Table:
    """Rows without a value there come last."""
    owner, column = _owner_and_column(stage, order.column)
    _check_column(owner, column)
    fingerprint = newest_fingerprint(catalog, owner)
    values = latest(
        table_of(catalog, owner).select(
            f"fingerprint = '{fingerprint}'", ["item_id", "parent_id", "revision", column]
        )
    )
    places = pc.index_in(rows["item_id"], value_set=values["item_id"].combine_chunks())
    keyed = rows.append_column("by", values[column].take(places.combine_chunks()))
    how = "descending" if order.highest else "ascending"
    return keyed.sort_by([("by", how), ("item_id", "ascending")]).drop_columns("by")


def _owner_and_column(stage: str, name: str) -> tuple[str, str]:
    owner, dot, column = name.partition(".")
    return (owner, column) if dot else (stage, name)


def rows_of_items(catalog: Catalog, stage: str, items: Sequence[str]) -> list[Shown]:
    """The accepted rows of these items, in this order."""
    found = _by_id(catalog, stage, items)
    shown = [Shown(stage, found[item]) for item in items]
    _follow_up(catalog, stage, shown)
    return shown


def _ended(catalog: Catalog, stage: str, only: str) -> pa.Table:
    if stage not in STAGES:
        raise StorageError(f"there is no stage {stage!r}; there are: {', '.join(STAGES)}")
    kinds = [str(status) for status in Status if status is not Status.RETRY]
    if only not in kinds:
        raise StorageError(f"rows end as {', '.join(kinds)}, not as {only!r}")
    rows = _current(catalog, stage)
    chosen = rows.filter(pc.equal(rows["status"], only))
    if not chosen.num_rows:
        counts = {c["values"]: c["counts"] for c in pc.value_counts(rows["status"]).to_pylist()}
        have = ", ".join(f"{n} {kind}" for kind, n in counts.items()) or "no row at all"
        raise StorageError(
            f"{stage} has nothing {only} to show in the newest rebuild of {catalog.root}: it has {have}; "
            f"try another stage ({', '.join(STAGES)}), or `redub status -c {catalog.root}`"
        )
    return chosen


def _follow_up(catalog: Catalog, stage: str, shown: Sequence[Shown]) -> None:
    """Stage by stage upwards, each read once; an item's id changes where a stage expanded."""
    wanted: dict[str, list[tuple[Shown, str]]] = {up: [] for up in _reads(stage)}
    for up in wanted:
        wanted[up] = [(item, item.row["parent_id"]) for item in shown]
    for up in (*reversed(STAGES), SOURCES.name):
        asked = wanted.get(up, [])
        found = _by_id(catalog, up, {item_id for _, item_id in asked})
        for item, item_id in asked:
            if item_id in found:
                item.way[up] = found[item_id]
                for above in _reads(up):
                    wanted.setdefault(above, []).append((item, found[item_id]["parent_id"]))


def _reads(stage: str) -> list[str]:
    if stage == SOURCES.name:
        return []
    return [up.name for up in STAGES[stage].may_read()] or [SOURCES.name]


def _by_id(catalog: Catalog, stage: str, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    if not (listed := ", ".join(f"'{i}'" for i in sorted(ids))):
        return {}
    rows = _current(catalog, stage, f" AND status = 'ok' AND item_id IN ({listed})")
    return {row["item_id"]: row for row in rows.to_pylist()}


def _current(catalog: Catalog, stage: str, where: str = "") -> pa.Table:
    """Newest revisions of the newest rebuild's rows: their ledger, and what tells whose they are."""
    table = table_of(catalog, stage)
    own = [c for c in (*NAMES, *PEOPLE) if c in table.columns]
    fingerprint = newest_fingerprint(catalog, stage)
    return latest(table.select(f"fingerprint = '{fingerprint}'{where}", [*LEDGER, *own]))


def table_of(catalog: Catalog, stage: str) -> Table:
    return Table(catalog.uri(stage), output_of(stage), catalog.store.options)


def output_of(stage: str) -> type:
    return SOURCES.output if stage == SOURCES.name else STAGES[stage].Output


# -- what they look like -------------------------------------------------------------------------------


def blobs(catalog: Catalog, shown: Sequence[Shown], names: Sequence[str]) -> list[bytes | None]:
    """Each row's nearest blob with one of these names, read stage by stage; a rejected row may have one of its own."""
    found: list[bytes | None] = [None] * len(shown)
    left = [_places(item, names) for item in shown]
    while any(left):
        together: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        for n, places in enumerate(left):
            if places:
                stage, column, row_id = places.pop(0)
                together[stage, column].append((n, row_id))
        for (stage, column), where in together.items():
            values = table_of(catalog, stage).read([row_id for _, row_id in where], [column])
            for (n, _), value in zip(where, values, strict=True):
                found[n] = value[column]
                left[n] = left[n] if found[n] is None else []
    return found


def _places(item: Shown, names: Sequence[str]) -> list[tuple[str, str, int]]:
    """Stage, column and row in which to look, one after the other: the second only where nothing is in the first."""
    rows = [
        (stage, column, row["_rowid"])
        for stage, row in ({item.stage: item.row} | item.way).items()
        for column in [c for c in blob_columns(output_of(stage)) if c in names][:1]
    ]
    return rows[: 1 if item.row["status"] == Status.OK else 2]


def posters_of(catalog: Catalog, shown: Sequence[Shown], stage: str) -> list[bytes]:
    """The pictures of one stage that the rows came through, or of their own."""
    column = (
        next((c for c in blob_columns(output_of(stage)) if c in STILL), None) if stage in STAGES else None
    )
    if column is None:
        have = [s for s in (shown[0].stage, *shown[0].way) if set(STILL) & set(blob_columns(output_of(s)))]
        raise StorageError(
            f"there are no pictures of {stage!r} to show; there are of {', '.join(have) or 'none'}"
        )
    return _values(catalog, stage, shown, column)


def own_values(catalog: Catalog, stage: str, shown: Sequence[Shown], names: Sequence[str]) -> list[str]:
    """What is known about each row, in words: `column` of the stage or `stage.column` of one before it, or all
    the stage's own numbers and texts."""
    told: list[list[str]] = [[] for _ in shown]
    for stage_column in names or _all_plain(stage):
        owner, column = _owner_and_column(stage, stage_column)
        _check_column(owner, column)
        for said, value in zip(told, _values(catalog, owner, shown, column), strict=True):
            if value is not None:
                said.append(f"{column}={_short(value)}")
    return [", ".join(said) for said in told]


def _all_plain(stage: str) -> list[str]:
    hints, told = row_fields(output_of(stage)), (float, int, str, float | None, int | None)
    return [f"{stage}.{c}" for c in hints if hints[c] in told and c not in ("id", *NAMES)]


def _check_column(owner: str, column: str) -> None:
    if owner not in (SOURCES.name, *STAGES):
        raise StorageError(f"there is no stage {owner!r}; there are: {', '.join(STAGES)}")
    plain = [c for c in row_fields(output_of(owner)) if c != "id" and c not in blob_columns(output_of(owner))]
    if column not in plain:
        raise StorageError(f"{owner} has no column {column!r}; it has: {', '.join(plain) or 'none'}")


def _values(catalog: Catalog, owner: str, shown: Sequence[Shown], column: str) -> list[Any]:
    rows = [item.row if owner == item.stage else item.way.get(owner) for item in shown]
    if any(row is None for row in rows):
        ways = [shown[0].stage, *shown[0].way]
        raise StorageError(f"these rows did not come through {owner!r}; they did through {', '.join(ways)}")
    read = table_of(catalog, owner).read([row["_rowid"] for row in rows if row is not None], [column])
    return [row[column] for row in read]


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
