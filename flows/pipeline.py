"""Where the pieces meet: a stage's table becomes the engine's queue, and its results become rows.

Nothing goes downstream before it is committed. A worker gets row ids and reads what it needs (blobs
included) from the tables itself, so neither the driver nor Ray's object store carries a video.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import pyarrow.compute as pc

from flows.recipes import input_columns
from infra.engine import Done, Failed, Job, Work
from infra.profiles import Profile, needs_for
from storage import reviews
from storage.catalog import SOURCES, Catalog, Node, ledger_row
from storage.rows import row_fields
from storage.selection import Selection
from storage.table import Follower, Status, Table
from tasks.stage import Collective, Expanded, Rejected, Stage

_REJECTED = frozenset(f.name for f in fields(Rejected))
"""What a kind of Rejected has beyond these are columns of the stage, kept with the reason."""


class TableFeed:
    """The items of one stage, as its upstream tables grow."""

    def __init__(
        self,
        catalog: Catalog,
        node: Node,
        upstream: Sequence[Node],
        chosen: Mapping[str, Selection],
        collective: bool = False,
    ):
        self.collective = collective
        mine = chosen[node.name]
        rows = mine.todo.select(["item_id", *(f"row_{i}" for i in range(len(upstream)))])
        self.ready: deque[tuple[str, tuple[int, ...]]] = deque(
            (item, tuple(refs)) for item, *refs in zip(*(c.to_pylist() for c in rows.columns), strict=True)
        )
        self.handed = {item for item, _ in self.ready}
        self.handed.update(mine.finished.to_pylist())
        self.partial: dict[str, dict[int, int]] = {}
        for i, up in enumerate(upstream):
            self._arrive(i, chosen[up.name].ok, complete=len(upstream))
        self.followers = [self._follow(catalog, up) for up in upstream]
        self.live = {up.name for up in upstream if up is not SOURCES}
        self.news = threading.Event()

    @staticmethod
    def _follow(catalog: Catalog, upstream: Node) -> Follower:
        own_handle = Table(catalog.uri(upstream.name), upstream.output, catalog.store.options)
        follower = Follower(own_handle, upstream.fingerprint)
        follower.skip_to_now()
        return follower

    def _arrive(self, index: int, rows: Any, complete: int) -> None:
        for item, row in zip(rows["item_id"].to_pylist(), rows["_rowid"].to_pylist(), strict=True):
            if item in self.handed:
                continue
            refs = self.partial.setdefault(item, {})
            refs[index] = row
            if len(refs) == complete:
                self.ready.append((item, tuple(refs[i] for i in range(complete))))
                self.handed.add(item)
                del self.partial[item]

    def _poll(self) -> None:
        if not self.news.is_set():
            return
        self.news.clear()
        for i, follower in enumerate(self.followers):
            new = follower.new()
            self._arrive(i, new.filter(pc.equal(new["status"], str(Status.OK))), len(self.followers))

    def upstream_finished(self, name: str) -> None:
        self.news.set()
        self.live.discard(name)

    def take(self, n: int) -> list[Work]:
        return [Work(*self.ready.popleft()) for _ in range(min(n, self.waiting()))]

    def waiting(self) -> int:
        self._poll()
        return 0 if self.collective and self.live else len(self.ready)

    def closed(self) -> bool:
        return not self.live and not self.news.is_set() and not self.ready


@dataclass
class StageWorker:
    """Travels to a worker process; calling it there loads the stage and gives the batch function."""

    catalog: Catalog
    stage: Stage
    node: Node
    upstream: Sequence[Node]

    def __call__(self) -> Callable[[list[Work]], list[tuple[str, Any]]]:
        self.columns = input_columns(self.stage, self.upstream)
        self.stage.setup(self.catalog.store)
        return self.run

    def run(self, works: list[Work]) -> list[tuple[str, Any]]:
        known = (self._known() if waits(self.stage) else [],) if isinstance(self.stage, Collective) else ()
        results = self.stage(self._load(works), *known)  # type: ignore[operator]
        return [(r.id, r) for r in results]

    def _known(self) -> list[Any]:
        table = self.catalog.table(self.node)
        columns = [c for c in row_fields(self.node.output) if c != "id" and c not in table.blobs]
        accepted = f"fingerprint = '{self.node.fingerprint}' AND status = '{Status.OK}'"
        found = table.select(accepted, ["item_id", *columns]).drop_columns("_rowid").to_pylist()
        return [self.node.output(id=row.pop("item_id"), **row) for row in found]

    def _load(self, works: list[Work]) -> list[Any]:
        rows: list[dict[str, Any]] = [{"id": w.id} for w in works]
        for i, up in enumerate(self.upstream):
            if not self.columns[i]:
                continue
            found = self.catalog.table(up).read([w.payload[i] for w in works], self.columns[i])
            for row, values in zip(rows, found, strict=True):
                row.update(values)
        if reviews.follows(self.stage.Input):
            verdicts = reviews.newest(self.catalog, self.upstream[0].fingerprint)
            rows = [row | {reviews.COLUMN: verdicts.get(row["id"])} for row in rows]
        return [self.stage.Input(**row) for row in rows]


def waits(stage: Stage) -> bool:
    """Whether it takes all its rows at once. A Collective may say that its settings need no others."""
    return isinstance(stage, Collective) and getattr(stage, "waits", True)


@dataclass
class TableSink:
    """Outcomes to rows. Rows of one upstream item are committed together or not at all."""

    catalog: Catalog
    node: Node
    run: str
    revisions: Mapping[str, int]
    downstream: list[TableFeed]
    counts: Counter[str] = field(default_factory=Counter)

    def __call__(self, outcomes: list[Done | Failed]) -> None:
        rows = [row for outcome in outcomes for row in self._rows(outcome)]
        self.catalog.table(self.node).append(rows)
        self.counts.update(row["status"] for row in rows)
        self.counts["items"] += len(outcomes)
        for feed in self.downstream:
            feed.news.set()

    def _rows(self, outcome: Done | Failed) -> list[dict[str, Any]]:
        revision = self.revisions.get(outcome.id, 0)
        if isinstance(outcome, Failed):
            fields_ = {"reason": outcome.reason, "detail": outcome.detail, "attempts": outcome.attempts}
            return [self._row(outcome.id, outcome.id, revision, Status.QUARANTINED, **fields_)]
        results = outcome.result.rows if isinstance(outcome.result, Expanded) else (outcome.result,)
        share = outcome.seconds / len(results)
        return [self._result(outcome.id, result, revision, share) for result in results]

    def _result(self, parent: str, result: Any, revision: int, seconds: float) -> dict[str, Any]:
        if isinstance(result, Rejected):
            why = {"code": result.code, "reason": result.reason, "seconds": seconds}
            own = {f.name: getattr(result, f.name) for f in fields(result) if f.name not in _REJECTED}
            return self._row(result.id, parent, revision, Status.REJECTED, values=own, **why)
        values = {f.name: getattr(result, f.name) for f in fields(result) if f.name != "id"}
        return self._row(result.id, parent, revision, Status.OK, values=values, seconds=seconds)

    def _row(self, item: str, parent: str, revision: int, status: Status, **rest: Any) -> dict[str, Any]:
        return ledger_row(
            self.node, item, self.run, parent_id=parent, revision=revision, status=status, **rest
        )


def build_jobs(
    catalog: Catalog,
    stages: Mapping[str, Stage],
    nodes: Sequence[Node],
    chosen: Mapping[str, Selection],
    profile: Profile,
    run: str,
    speeds: Mapping[str, float],
    fan_out: Mapping[str, float],
) -> tuple[list[Job], dict[str, TableSink]]:
    """One engine job per stage, wired: a commit upstream wakes the feeds downstream."""
    by_name = {SOURCES.name: SOURCES, **{n.name: n for n in nodes}}
    feeds = {
        n.name: TableFeed(catalog, n, [by_name[r] for r in n.reads], chosen, waits(stages[n.name]))
        for n in nodes
    }
    jobs, sinks = [], {}
    for node in nodes:
        below = [feeds[n.name] for n in nodes if node.name in n.reads]
        sinks[node.name] = TableSink(catalog, node, run, chosen[node.name].revisions, below)
        stage = stages[node.name]
        jobs.append(
            Job(
                name=node.name,
                needs=needs_for(profile, node.name, stage.needs),
                make_worker=StageWorker(
                    Catalog(catalog.root, catalog.store), stage, node, [by_name[r] for r in node.reads]
                ),
                feed=feeds[node.name],
                sink=sinks[node.name],
                speed_hint=speeds.get(node.name),
                source_units=fan_out.get(node.name, 1.0),
                on_done=_tell(below, node.name),
            )
        )
    return jobs, sinks


def _tell(feeds: list[TableFeed], finished: str) -> Callable[[], None]:
    def tell() -> None:
        for feed in feeds:
            feed.upstream_finished(finished)

    return tell
