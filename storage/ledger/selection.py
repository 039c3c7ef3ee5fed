"""What is left to do, what can be reused: queries over the ledgers, stage by stage from the sources.

Only what descends from the sources of this rebuild counts. A source that is gone takes its rows out of
the selection but not out of the tables; when it comes back they are reused.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.ledger.catalog import Catalog
from storage.ledger.choices import adrift, outdated, renewed_by
from storage.ledger.forgotten import forgotten_items
from storage.ledger.mask_verdicts import follows, reopened
from storage.ledger.node import SOURCES, NamedRead, Node
from storage.ledger.table import Status


@dataclass(frozen=True)
class Selection:
    """One stage's share of a rebuild."""

    node: Node
    todo: pa.Table
    """Items to hand to a worker: item_id, and the row id in each upstream table (row_0, row_1, ...)."""
    revisions: dict[str, int]
    """The revision to write for items that are tried again; every other item writes revision 0."""
    states: pa.Table
    """Rows of this stage that belong to the selected sources, newest revisions only."""
    everything: pa.Table
    """The same of all rows under this fingerprint, selected or not: an item that only comes in while the
    rebuild runs (its file was moved, touched, or put back) is not computed again."""
    ok: pa.Table
    """item_id and _rowid of what goes on to the next stage."""
    entered: int
    """Upstream items that are ready for this stage."""
    unmet: int
    """Upstream items that can't come in, because another item that they name was not accepted."""
    renewed: Mapping[str, int] = field(default_factory=dict)
    """From a stage that chooses on: items whose row is not the first (storage/ledger/choices.py)."""

    def count(self, status: Status) -> int:
        return pc.sum(pc.equal(self.states["status"], str(status))).as_py() or 0

    @property
    def retried(self) -> int:
        return self.count(Status.RETRY)

    @property
    def reused(self) -> int:
        return self.entered - self.todo.num_rows


def select(
    catalog: Catalog, nodes: Sequence[Node], source_ids: Iterable[str] | pa.ChunkedArray
) -> dict[str, Selection]:
    """Selections in stage order, `sources` first."""
    wanted = source_ids if isinstance(source_ids, pa.ChunkedArray) else pa.array(source_ids, pa.string())
    listed = _within(catalog.table(SOURCES).states(SOURCES.fingerprint), "item_id", wanted)
    gone = pa.array(list(forgotten_items(catalog)), pa.string())
    chosen = {SOURCES.name: _of_sources(listed, gone)}
    for node in nodes:
        own = [chosen[name].ok for name in node.reads]
        named = [_named_rows(catalog, read, chosen) for read in node.named]
        everything = catalog.table(node).states(node.fingerprint)
        if follows(node.output):
            everything = reopened(catalog, node, chosen[node.reads[0]].node.fingerprint, everything)
        if node.chooses:
            everything = adrift(
                catalog, node, nodes, {name: one.ok for name, one in chosen.items()}, everything
            )
        above = _renewed_above(node, chosen)
        everything = outdated(everything, above)
        chosen[node.name] = _selection(node, own, named, everything, gone, above)
    return chosen


def _renewed_above(node: Node, chosen: Mapping[str, "Selection"]) -> dict[str, int]:
    above: dict[str, int] = {}
    for name in node.reads:
        for item, revision in chosen[name].renewed.items():
            above[item] = max(revision, above.get(item, 0))
    return above


def _of_sources(listed: pa.Table, gone: pa.Array) -> Selection:
    """Sources are listed, not computed: none is to do."""
    todo = pa.table({"item_id": pa.array([], pa.string())})
    ok = _accepted(SOURCES, listed, gone)
    return Selection(SOURCES, todo, {}, listed, listed, ok, listed.num_rows, 0)


def _named_rows(catalog: Catalog, read: NamedRead, chosen: dict[str, Selection]) -> pa.Table:
    """Item, and the row id of what it names: as if that row were its own. Items whose other isn't there are left out.

    An item that names none, and need not, has an empty row id.
    """
    holder, target = chosen[read.holder], chosen[read.stage].ok
    where = f"fingerprint = '{holder.node.fingerprint}' AND status = '{Status.OK}'"
    rows = catalog.table(holder.node).select(where, ["item_id", read.by])
    rows = _within(rows, "_rowid", holder.ok["_rowid"])
    places = pc.index_in(rows[read.by], value_set=target["item_id"].combine_chunks()).combine_chunks()
    found = pc.is_valid(places)
    if read.optional:
        found = pc.or_(found, _combined(pc.is_null(rows[read.by])))
    row_ids = _combined(target["_rowid"]).take(places.filter(found))
    return pa.table({"item_id": rows["item_id"].filter(found), "_rowid": row_ids})


def _selection(
    node: Node,
    own: list[pa.Table],
    named: list[pa.Table],
    everything: pa.Table,
    gone: pa.Array,
    above: Mapping[str, int],
) -> Selection:
    """One look-up a table that is read: millions of ids are hashed once for each, and everything follows from it."""
    walked = own[0]
    place_in_walked = _places(everything["parent_id"], walked["item_id"])
    selected = pc.is_valid(place_in_walked)
    for other in (*own[1:], *named):  # a verdict may have taken away what was read when the row was made
        selected = pc.and_(selected, pc.is_in(everything["parent_id"], value_set=_combined(other["item_id"])))
    states = everything if pc.all(selected).as_py() is not False else everything.filter(selected)
    finished = pc.and_(selected, pc.not_equal(everything["status"], str(Status.RETRY)))
    todo, entered = _todo(walked, [*own[1:], *named], place_in_walked.filter(_combined(finished)))
    revisions = _revisions(everything)
    revisions |= {item: max(least, revisions.get(item, 0)) for item, least in above.items()}
    ok = _accepted(node, states, gone)
    counted = node.chooses or bool(above)
    renewed = renewed_by(everything, above, revisions) if counted else {}
    return Selection(node, todo, revisions, states, everything, ok, entered, _unmet(own, named), renewed)


def _accepted(node: Node, states: pa.Table, gone: pa.Array) -> pa.Table:
    ok = states.filter(pc.equal(states["status"], str(Status.OK))).select(["item_id", "_rowid"])
    if len(gone):  # a deletion that was killed half-way has left rows
        ok = ok.filter(pc.invert(pc.is_in(ok["item_id"], value_set=gone)))
    if node.expands:  # two sources with the same content are one item
        ok = ok.group_by("item_id").aggregate([("_rowid", "min")]).rename_columns(["item_id", "_rowid"])
    return ok


def _revisions(everything: pa.Table) -> dict[str, int]:
    retry = everything.filter(pc.equal(everything["status"], str(Status.RETRY)))
    return {
        item: revision + 1
        for item, revision in zip(retry["parent_id"].to_pylist(), retry["revision"].to_pylist(), strict=True)
    }


def _todo(walked: pa.Table, others: list[pa.Table], done: pa.Array) -> tuple[pa.Table, int]:
    """Rows of the walked table that are not `done` (places in it), and are in all others; how many came in."""
    is_done = np.zeros(walked.num_rows, bool)
    is_done[done.to_numpy(zero_copy_only=False)] = True
    todo = walked.filter(pa.array(~is_done)).rename_columns(["item_id", "row_0"])
    for i, other in enumerate(others, 1):
        near = _within(other, "item_id", todo["item_id"])
        todo = todo.join(near.rename_columns(["item_id", f"row_{i}"]), "item_id", join_type="inner")
    return todo, int(is_done.sum()) + todo.num_rows


def _places(ids: pa.ChunkedArray, among: pa.ChunkedArray) -> pa.Array:
    return _combined(pc.index_in(ids, value_set=_combined(among)))


def _combined(values: Any) -> Any:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _unmet(own: list[pa.Table], named: list[pa.Table]) -> int:
    if not named:
        return 0
    ready = own[0]
    for other in own[1:]:
        ready = _within(ready, "item_id", other["item_id"])
    met = ready
    for other in named:
        met = _within(met, "item_id", other["item_id"])
    return ready.num_rows - met.num_rows


def _within(rows: pa.Table, column: str, wanted: pa.Array | pa.ChunkedArray) -> pa.Table:
    return rows.filter(pc.is_in(rows[column], value_set=_combined(wanted)))
