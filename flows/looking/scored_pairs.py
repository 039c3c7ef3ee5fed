"""Reads the scores of all pairs of the newest rebuild, and whose, how turned and how covered the faces are."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.looking.rows import table_of
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.table import Status, latest
from tasks.captions import Captions
from tasks.pairscores import PairScores
from tasks.speakers import Speakers
from tasks.stage import Expand, Stage

STATE = ["item_id", "revision", "status"]
YAWS = (10.0, 20.0, 30.0, 45.0)
"""Degrees at which the bins of yaw meet."""
BINS = [f"{low:g} to {high:g}" for low, high in zip((0.0, *YAWS), (*YAWS, 180.0), strict=True)]
UNKNOWN = "unknown"


def scored_pairs(catalog: Catalog, newest: Mapping[str, str], scores: Collection[str]) -> pa.Table:
    """These scores, the yaw, and item_id of the pairs that no gate has closed on since."""
    rows = _accepted(catalog, newest, PairScores, sorted({*scores, "yaw"}))
    for gate in _gates(catalog, newest):
        let_through = _accepted(catalog, newest, gate, [])["item_id"].combine_chunks()
        rows = rows.filter(pc.is_in(rows["item_id"], value_set=let_through))
    if not rows.num_rows:
        raise StorageError(
            f"the newest rebuild of {catalog.root} has no scored pairs; `redub status -c {catalog.root}` shows how far "
            "its rows came, and a recipe may leave pairs out"
        )
    return rows


def _accepted(
    catalog: Catalog, newest: Mapping[str, str], stage: type[Stage], columns: Sequence[str]
) -> pa.Table:
    table, where = table_of(catalog, stage.name), f"fingerprint = '{newest.get(stage.name, '')}'"
    rows = table.select(where, [*STATE, *columns])
    if (
        pc.max(rows["revision"]).as_py() or 0
    ) > 0:  # seldom, and a second column of ids takes as long as the first
        rows = latest(table.select(where, [*STATE, "parent_id", *columns]))
    return rows.filter(pc.equal(rows["status"], str(Status.OK))).select(["item_id", *columns])


def _gates(catalog: Catalog, newest: Mapping[str, str]) -> list[type[Stage]]:
    """The stages whose settings are in no pair's fingerprint: they may have changed since the pairs were scored."""
    computed, taken = catalog.computations(), set[str]()
    to_follow = [newest.get(PairScores.name, "")]
    while to_follow:
        made = computed.get(to_follow.pop())
        if made is not None and made.stage not in taken:
            taken.add(made.stage)
            to_follow += [upstream.split()[0] for upstream in made.upstream]
    return [stage for stage in _before(PairScores) if stage.name not in taken and stage.name in newest]


def _before(stage: type[Stage]) -> list[type[Stage]]:
    """What it reads, and what those read, up to where items get their ids."""
    near = [up for up in stage.may_read() if not issubclass(up, Expand)]
    return list(dict.fromkeys([*near, *(far for up in near for far in _before(up))]))


# -- what they have in common --------------------------------------------------------------------------


def speakers_of(catalog: Catalog, newest: Mapping[str, str], ids: pa.ChunkedArray) -> pa.Array:
    known = _accepted(catalog, newest, Speakers, ["speaker"])
    return _looked_up(ids, known["item_id"], known["speaker"])


def occluders_of(catalog: Catalog, newest: Mapping[str, str], ids: pa.ChunkedArray) -> pa.Array:
    """As the captions name them."""
    known = _accepted(catalog, newest, Captions, ["occluders"])
    phrases = pc.binary_join(known["occluders"], ", ")
    return _looked_up(ids, known["item_id"], pc.if_else(pc.equal(phrases, ""), "nothing", phrases))


def _looked_up(ids: pa.ChunkedArray, keys: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.Array:
    places = pc.index_in(ids, value_set=keys.combine_chunks())
    return pc.fill_null(values.combine_chunks().take(places.combine_chunks()), UNKNOWN)


def yaws_of(scores: pa.Table) -> pa.Array:
    """One of BINS; what is no number is in the last."""
    yaw_N = np.nan_to_num(scores["yaw"].to_numpy(), nan=180.0)
    return pa.array(BINS).take(pa.array(np.digitize(yaw_N, YAWS)))
