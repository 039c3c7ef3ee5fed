"""Where the pieces meet: a stage's table becomes the engine's queue, and its results become rows.

Nothing goes downstream before it is committed. A worker gets row ids and reads what it needs (blobs
included) from the tables itself, so neither the driver nor Ray's object store carries a video.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from flows.run.feed import TableFeed
from flows.run.stage_worker import StageWorker
from infra.engine.jobs import Done, Failed, Job
from infra.profiles import Profile, needs_for
from storage.ledger.catalog import Catalog
from storage.ledger.forgotten import CODE, forgotten_items
from storage.ledger.node import SOURCES, Node
from storage.ledger.selection import Selection
from storage.ledger.table import Status, ledger_row
from tasks.stage import Expanded, Rejected, Stage, is_whole

_REJECTED = frozenset(f.name for f in fields(Rejected))
"""What a kind of Rejected has beyond these are columns of the stage, kept with the reason."""


@dataclass
class TableSink:
    """Outcomes to rows. Rows of one upstream item are committed together or not at all."""

    catalog: Catalog
    node: Node
    run: str
    revisions: Mapping[str, int]
    downstream: list[TableFeed]
    refused: Mapping[str, str] = field(default_factory=dict)
    """Items that may not come back -> why."""
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
        if result.id in self.refused:
            result = Rejected(result.id, CODE, self.refused[result.id])
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
    feeds = {n.name: TableFeed(catalog, n, by_name, chosen, is_whole(stages[n.name])) for n in nodes}
    for node in nodes:
        for place, name in enumerate(node.upstream):
            if name != SOURCES.name:
                feeds[name].readers.append((feeds[node.name], place))
    jobs, sinks, refused = [], {}, forgotten_items(catalog)
    for node in nodes:
        below = [feeds[n.name] for n in nodes if node.name in n.upstream]
        sinks[node.name] = TableSink(catalog, node, run, chosen[node.name].revisions, below, refused)
        stage = stages[node.name]
        jobs.append(
            Job(
                name=node.name,
                needs=needs_for(profile, node.name, stage.needs),
                make_worker=StageWorker(
                    Catalog(catalog.root, catalog.store),
                    stage,
                    node,
                    [by_name[r] for r in node.upstream],
                    chosen[node.reads[0]].ok["item_id"].combine_chunks() if node.chooses else None,
                ),
                feed=feeds[node.name],
                sink=sinks[node.name],
                speed_hint=speeds.get(node.name),
                source_units=fan_out.get(node.name, 1.0),
                whole=is_whole(stage),
                on_done=_tell(below, node.name),
            )
        )
    return jobs, sinks


def _tell(feeds: list[TableFeed], finished: str) -> Callable[[], None]:
    def tell() -> None:
        for feed in feeds:
            feed.upstream_finished(finished)

    return tell
