"""Choices that have to be made again: a row names another item, and that one is gone.

The stage that chose is then asked again, and its new row has a higher revision. What was made from the old choice is
known by its lower one and computed again, too, even if a kill came in between. Only stages from a choice on look at
revisions so; everywhere else a row is made from what its fingerprint says, whichever try that was.
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from storage.ledger.catalog import Catalog
from storage.ledger.node import Node
from storage.ledger.table import Status

Renewed = Mapping[str, int]
"""Item -> the revision that its row has or is about to get, where that is not the first."""


def adrift(
    catalog: Catalog, node: Node, nodes: Sequence[Node], there: Mapping[str, pa.Table], states: pa.Table
) -> pa.Table:
    """The states of a stage that chooses, with each accepted row that names an item that is gone as one to try again.

    `there`: for each stage before, what goes on from it (item_id, _rowid).
    """
    read = {(read.by, read.stage) for other in nodes for read in other.named if read.holder == node.name}
    accepted = states.filter(pc.equal(states["status"], str(Status.OK)))
    if not read or not accepted.num_rows:
        return states
    columns = sorted({by for by, _ in read})
    where = f"fingerprint = '{node.fingerprint}' AND status = '{Status.OK}'"
    rows = catalog.table(node).select(where, ["item_id", *columns])
    rows = rows.filter(pc.is_in(rows["_rowid"], value_set=accepted["_rowid"].combine_chunks()))
    lost = pa.array([], pa.string())
    for by, stage in read:
        found = pc.is_in(rows[by], value_set=there[stage]["item_id"].combine_chunks())
        gone = pc.and_(pc.is_valid(rows[by]), pc.invert(found))
        lost = pa.concat_arrays([lost, rows["item_id"].filter(gone).combine_chunks()])
    return _again(states, pc.is_in(states["item_id"], value_set=lost))


def outdated(states: pa.Table, renewed: Renewed) -> pa.Table:
    """The states of a stage after one that chooses, with each row that was made from an earlier choice to try again."""
    if not renewed or not states.num_rows:
        return states
    items = pa.array(list(renewed), pa.string())
    needed = pa.array(list(renewed.values()), pa.int64())
    least = needed.take(pc.index_in(states["parent_id"], value_set=items).combine_chunks())
    return _again(states, pc.fill_null(pc.less(states["revision"], least), False))


def renewed_by(states: pa.Table, above: Renewed, revisions: Mapping[str, int]) -> dict[str, int]:
    """Of one stage from a choice on; `revisions`: what rows that are tried again will have."""
    high = states.filter(pc.greater(states["revision"], 0))
    renewed = dict(zip(high["parent_id"].to_pylist(), high["revision"].to_pylist(), strict=True))
    for some in (above, revisions):
        for item, revision in some.items():
            renewed[item] = max(revision, renewed.get(item, 0))
    return renewed


def _again(states: pa.Table, which: pa.ChunkedArray) -> pa.Table:
    answered = pc.not_equal(states["status"], str(Status.QUARANTINED))
    status = pc.if_else(pc.and_(which, answered), str(Status.RETRY), states["status"])
    return states.set_column(states.column_names.index("status"), "status", status)
