"""A stage's queue: its items, as the tables that it reads grow.

An item is ready once every row that the stage reads for it is there. Rows arrive in two ways: a stage upstream
commits them, or it finds that it had answered an item before, which only now comes in again because its file
was moved or touched. It then computes nothing and passes its rows on, for whoever reads them may be new.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from infra.engine.jobs import Work
from storage.ledger.catalog import Catalog
from storage.ledger.follower import Follower
from storage.ledger.node import SOURCES, Node
from storage.ledger.selection import Selection
from storage.ledger.table import Status, Table

READ_AT_ONCE = 10_000


class TableFeed:
    """Polled from the engine's loop only; `news` and `upstream_finished` come from the sinks' threads."""

    def __init__(
        self,
        catalog: Catalog,
        node: Node,
        nodes: Mapping[str, Node],
        chosen: Mapping[str, Selection],
        whole: bool = False,
    ) -> None:
        """`whole`: nothing is handed out before everything is there."""
        mine, upstream = chosen[node.name], [nodes[name] for name in node.upstream]
        self.whole = whole
        self.readers: list[tuple[TableFeed, int]] = []
        """The feeds that read this stage's rows, and as which of their upstream tables."""
        self.ready = deque(_items(mine.todo, len(upstream)))
        self._seen = {item for item, _ in self.ready}  # an item comes once, however many lead to it
        self._seen.update(mine.states.filter(_ended(mine.states))["parent_id"].to_pylist())
        self._rows_of: dict[str, dict[int, int | None]] = defaultdict(dict)
        self._answered = _Answered(mine)
        self._followers = [_follow(catalog, up) for up in upstream]
        self._naming = _Naming(node, self._followers)
        for place, up in enumerate(upstream):
            self.arrive(place, chosen[up.name].ok)
        self.live = {up.name for up in upstream if up.name != SOURCES.name}
        self.news = threading.Event()

    # -- rows arrive -----------------------------------------------------------------------------------

    def arrive(self, place: int, rows: pa.Table) -> None:
        """Rows of one upstream table (item_id, _rowid), those first seen and those seen before.

        An item that is complete now is handed out; or, if it was answered before, that answer is passed on.
        """
        complete = [item for item, at, row in self._noted(place, rows) if self._note(item, at, row)]
        if not complete:
            return
        known = self._answered.rows_of(complete)
        for item in complete:
            refs = self._rows_of.pop(item)
            if item not in known:
                self.ready.append((item, tuple(refs[i] for i in range(len(refs)))))
        if known:
            answers = self._answered.accepted(known.values())
            for feed, at in self.readers if answers.num_rows else ():
                feed.arrive(at, answers)

    def _noted(self, place: int, rows: pa.Table) -> Iterable[tuple[str, int, int | None]]:
        """Of which item each row is, and of which upstream table; for a row that is read by name, of all that name it."""
        if place >= self._naming.first:
            for item, row in self._naming.named(place, rows):
                yield item, place, row
            return
        items, row_ids = rows["item_id"].to_pylist(), rows["_rowid"].to_pylist()
        fresh = [(item, row) for item, row in zip(items, row_ids, strict=True) if item not in self._seen]
        yield from ((item, place, row) for item, row in fresh)
        yield from self._naming.asked(place, fresh)

    def _note(self, item: str, place: int, row: int | None) -> bool:
        """Whether that was the last row that the item was waiting for."""
        if item in self._seen:
            return False
        rows = self._rows_of[item]
        rows[place] = row
        if len(rows) < len(self._followers):
            return False
        self._seen.add(item)
        return True

    def _poll(self) -> None:
        if not self.news.is_set():
            return
        self.news.clear()
        for place, follower in enumerate(self._followers):
            new = follower.new()
            self.arrive(place, new.filter(pc.equal(new["status"], str(Status.OK))))

    def upstream_finished(self, name: str) -> None:
        self.news.set()
        self.live.discard(name)

    # -- the engine asks -------------------------------------------------------------------------------

    def take(self, n: int) -> list[Work]:
        return [Work(*self.ready.popleft()) for _ in range(min(n, self.waiting()))]

    def waiting(self) -> int:
        self._poll()
        return 0 if self.whole and self.live else len(self.ready)

    def closed(self) -> bool:
        return not self.live and not self.news.is_set() and not self.ready


class _Answered:
    """What the stage answered before about items that aren't selected yet."""

    def __init__(self, mine: Selection) -> None:
        self._mine = mine
        self._rows: dict[str, list[int]] | None = None

    def rows_of(self, items: Iterable[str]) -> dict[str, list[int]]:
        """Those that were answered -> the places of their rows; an item that is still to be answered is not in it."""
        if self._rows is None:  # seldom needed, and then for many
            self._rows = _places(self._mine.everything)
        return {item: self._rows[item] for item in items if item in self._rows}

    def accepted(self, places: Iterable[list[int]]) -> pa.Table:
        rows = self._mine.everything.take([place for some in places for place in some])
        return rows.filter(pc.equal(rows["status"], str(Status.OK))).select(["item_id", "_rowid"])


class _Naming:
    """Which items wait for the rows of which others, that a column of theirs names."""

    def __init__(self, node: Node, followers: Sequence[Follower]) -> None:
        self.first = len(node.reads)
        """The place of the first named upstream table; those before are the item's own."""
        self._node, self._followers = node, followers
        self._rows: list[dict[str, int]] = [{} for _ in node.named]
        self._waiting: list[dict[str, list[str]]] = [defaultdict(list) for _ in node.named]

    def named(self, place: int, rows: pa.Table) -> Iterable[tuple[str, int]]:
        """Rows that may be named by some items: those items, each with the row."""
        which = place - self.first
        for other, row in zip(rows["item_id"].to_pylist(), rows["_rowid"].to_pylist(), strict=True):
            self._rows[which].setdefault(other, row)
            for item in self._waiting[which].pop(other, ()):
                yield item, row

    def asked(self, place: int, rows: Sequence[tuple[str, int]]) -> Iterable[tuple[str, int, int | None]]:
        """Items whose own rows say which others they name: those whose other is there already, or that need none."""
        for which, read in enumerate(self._node.named):
            if self._node.reads[place] != read.holder:
                continue
            for item, other in self._names(place, rows, read.by):
                if other is None:
                    if read.optional:
                        yield item, self.first + which, None
                elif other in self._rows[which]:
                    yield item, self.first + which, self._rows[which][other]
                else:
                    self._waiting[which][other].append(item)

    def _names(
        self, place: int, rows: Sequence[tuple[str, int]], by: str
    ) -> Iterable[tuple[str, str | None]]:
        table = self._followers[place].table
        for start in range(0, len(rows), READ_AT_ONCE):
            some = rows[start : start + READ_AT_ONCE]
            found = table.read([row for _, row in some], [by])
            yield from ((item, values[by]) for (item, _), values in zip(some, found, strict=True))


def _items(todo: pa.Table, upstream: int) -> Iterable[tuple[str, tuple[int | None, ...]]]:
    columns = [todo["item_id"], *(todo[f"row_{i}"] for i in range(upstream))]
    for item, *rows in zip(*(column.to_pylist() for column in columns), strict=True):
        yield item, tuple(rows)


def _ended(states: pa.Table) -> Any:
    return pc.not_equal(states["status"], str(Status.RETRY))


def _places(everything: pa.Table) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    ended = _ended(everything).to_pylist()
    for i, (item, is_over) in enumerate(zip(everything["parent_id"].to_pylist(), ended, strict=True)):
        if is_over:
            places[item].append(i)
    return dict(places)


def _follow(catalog: Catalog, upstream: Node) -> Follower:
    own_handle = Table(catalog.uri(upstream.name), upstream.output, catalog.store.options)
    follower = Follower(own_handle, upstream.fingerprint)
    follower.skip_to_now()
    return follower
