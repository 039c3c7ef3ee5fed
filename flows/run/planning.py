"""What a rebuild would cost, before anything runs: `plan` reads the tables and writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow.compute as pc

from infra.cluster import expected_resources
from infra.engine.worker_split import StageLoad, split
from infra.profiles import Profile, needs_for
from infra.resources import Needs
from storage.ledger.catalog import Catalog
from storage.ledger.node import SOURCES, Node
from storage.ledger.selection import Selection, select
from storage.ledger.table import STATE_COLUMNS, Status
from storage.sources import Listing
from tasks.stage import Stage, is_whole


@dataclass(frozen=True)
class Measured:
    """What one input item of a stage took and gave, from the rows that are there."""

    seconds: float
    bytes: float
    made: float
    """Rows that go on, per input item."""


@dataclass(frozen=True)
class StagePlan:
    name: str
    compute: int
    """Ready now and never computed with these settings."""
    arriving: int
    """More that earlier stages will send, by what they sent in the past."""
    reused: int
    retried: int
    held: int
    """In quarantine, left alone until `redub quarantine retry`."""
    needs: Needs
    measured: Measured | None
    workers: int = 0
    whole: bool = False
    """All its items are one unit of work, for one worker."""

    @property
    def total(self) -> int:
        return self.compute + self.retried + self.arriving

    def hours(self, unit: float) -> float | None:
        return self.total * self.measured.seconds * unit / 3600 if self.measured else None

    @property
    def wall_s(self) -> float | None:
        return self.total * self.measured.seconds / self.workers if self.measured and self.workers else None


@dataclass(frozen=True)
class Plan:
    stages: tuple[StagePlan, ...]
    sources: int
    new_sources: int
    refused_sources: int
    chosen: dict[str, Selection]

    @property
    def nothing_to_do(self) -> bool:
        return not any(s.total for s in self.stages)

    @property
    def bottleneck(self) -> StagePlan | None:
        """The stage that sets the pace: with the workers it would get, it takes longest."""
        timed = [s for s in self.stages if s.wall_s]
        return max(timed, key=lambda s: s.wall_s or 0.0, default=None)


def make_plan(
    catalog: Catalog, stages: dict[str, Stage], nodes: Sequence[Node], profile: Profile, listing: Listing
) -> Plan:
    chosen = select(catalog, nodes, listed_ids(listing))
    new = len(listing.sources) - chosen[SOURCES.name].ok.num_rows
    coming = {SOURCES.name: float(new)}
    plans = []
    for node in nodes:
        needs = needs_for(profile, node.name, stages[node.name].needs)
        # An item waits for all that the stage reads, whichever of them is late.
        arriving = max(coming[name] for name in node.upstream)
        whole = is_whole(stages[node.name])
        plans.append(_stage_plan(catalog, node, chosen[node.name], arriving, needs, whole))
        made = plans[-1].measured.made if plans[-1].measured else 1.0
        coming[node.name] = plans[-1].total * made
    return Plan(
        tuple(_with_workers(plans, profile)), len(listing.sources), new, len(listing.rejected), chosen
    )


def listed_ids(listing: Listing) -> list[str]:
    """The refused ones too, so that the funnel begins with everything that was given."""
    return [s.id for s in listing.sources] + [s.id for s, _, _ in listing.rejected]


def _stage_plan(
    catalog: Catalog, node: Node, mine: Selection, coming: float, needs: Needs, whole: bool
) -> StagePlan:
    return StagePlan(
        node.name,
        compute=mine.todo.num_rows - mine.retried,
        arriving=round(coming),
        reused=mine.reused - mine.count(Status.QUARANTINED),
        retried=mine.retried,
        held=mine.count(Status.QUARANTINED),
        needs=needs,
        measured=measure(catalog, node, mine),
        whole=whole,
    )


def measure(catalog: Catalog, node: Node, mine: Selection) -> Measured | None:
    """Rows of these settings tell best; rows of earlier settings tell something."""
    if mine.states.num_rows:
        rows, items = mine.states, mine.reused - mine.count(Status.QUARANTINED)
    else:
        rows = catalog.table(node).select(None, [*STATE_COLUMNS, "fingerprint"])
        items = rows.group_by(["parent_id", "fingerprint"]).aggregate([]).num_rows
    if not items:
        return None
    ok = pc.sum(pc.equal(rows["status"], str(Status.OK))).as_py()
    return Measured(
        pc.sum(rows["seconds"]).as_py() / items, pc.sum(rows["bytes"]).as_py() / items, ok / items
    )


def _with_workers(plans: list[StagePlan], profile: Profile) -> list[StagePlan]:
    """The split that the engine would settle on, from the same function."""
    busiest = max((p.total for p in plans), default=0) or 1
    loads = [
        StageLoad(
            name=p.name,
            speed=1 / p.measured.seconds if p.measured and p.measured.seconds else None,
            source_units=max(p.total, 1) / busiest,
            needs=p.needs,
            waiting=p.total,
            live=bool(p.total),
            finished=not p.total,
            whole=p.whole,
        )
        for p in plans
    ]
    workers = split(loads, expected_resources(profile), {})
    return [replace(p, workers=workers.get(p.name, 0)) for p in plans]
