"""What a version must be able to say of every row: its split, its licence, its consent.

Stages declare which of their columns says one (`facts`). Licence and consent are the sources': they are read from the
row of the source as it is listed now, so that a correction in a manifest reaches clips that were cut long before. A
stage that knows better, as one that reads a renderer's own words, declares them itself.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.node import SOURCES, Node
from storage.ledger.selection import Selection

COUNTED = {"split": "splits", "licence": "licences", "consent": "consent"}
"""What must be known of every row of a dataset -> what the manifest calls the counts of it."""
FACTS = (*COUNTED, "speaker")
RIGHTS = ("licence", "consent")
OF_SOURCES = tuple(f"{SOURCES.name}_{fact}" for fact in SOURCES.facts)


def declared_facts(nodes: Sequence[Node], required: Sequence[str] = tuple(COUNTED)) -> dict[str, str]:
    """Fact -> its column in a version. A recipe that lacks one can be told so before anything is computed."""
    declared = {fact: f"{SOURCES.name}_{fact}" for fact in SOURCES.facts}
    for node in nodes:
        for fact in node.facts:
            said_by_a_stage = fact in declared and declared[fact] not in OF_SOURCES
            if fact not in FACTS or said_by_a_stage:
                known = f"known facts are {', '.join(FACTS)}, and one stage alone may say each"
                raise StorageError(f"stage {node.name} declares {fact!r}; {known}")
            declared[fact] = f"{node.name}_{fact}"
    lacking = [fact for fact in required if fact not in declared]
    if lacking:
        raise StorageError(
            f"no stage of {', '.join(n.name for n in nodes)} says the {' or the '.join(lacking)} of its rows, so no "
            f"version can be published; a stage declares it with `facts = ({lacking[0]!r},)` and a column of that name"
        )
    return declared


def of_sources(declared: Mapping[str, str]) -> list[str]:
    """The facts that are read from the sources' own rows."""
    return [fact for fact, column in declared.items() if column in OF_SOURCES]


def source_facts(
    catalog: Catalog,
    nodes: Sequence[Node],
    chosen: Mapping[str, Selection],
    items: pa.Array,
    facts: Sequence[str],
) -> pa.Table:
    """item_id, and each fact as the source of that item says it."""
    where = f"fingerprint = '{SOURCES.fingerprint}'"
    rows = catalog.table(SOURCES).select(where, list(facts))
    places = pc.index_in(source_rows(nodes, chosen, items), value_set=rows["_rowid"].combine_chunks())
    columns = {f"{SOURCES.name}_{fact}": rows[fact].take(places) for fact in facts}
    return pa.table({"item_id": items, **columns})


def source_rows(nodes: Sequence[Node], chosen: Mapping[str, Selection], items: pa.Array) -> pa.Array:
    """Of each item the row id of the source that it was made from."""
    by_name = {node.name: node for node in nodes}
    node, ids = nodes[-1], items
    while node is not SOURCES:
        if node.expands:
            states, ok = chosen[node.name].states, chosen[node.name].ok
            ours = states.filter(pc.is_in(states["_rowid"], value_set=ok["_rowid"].combine_chunks()))
            ids = _looked_up(ids, ours["item_id"], ours["parent_id"])
        node = by_name.get(node.reads[0], SOURCES)
    sources = chosen[SOURCES.name].ok
    return _looked_up(ids, sources["item_id"], sources["_rowid"])


def _looked_up(ids: pa.Array, keys: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.Array:
    places = pc.index_in(ids, value_set=keys.combine_chunks())
    assert not places.null_count, "an accepted item descends from an accepted one"
    return values.combine_chunks().take(places)


def digest_of(rows: pa.Array) -> str:
    """Of row ids: a row never changes, so these stand for what the rows say."""
    return hashlib.blake2b(np.sort(rows.to_numpy(zero_copy_only=False)).tobytes(), digest_size=16).hexdigest()


def check_said(members: pa.Table, fact: str, column: str) -> None:
    """Refuses a version in which some row doesn't say what it must."""
    said = pc.utf8_trim_whitespace(pc.fill_null(members[column], ""))
    empty = members.filter(pc.equal(said, ""))
    if empty.num_rows:
        raise StorageError(
            f"{empty.num_rows} rows have no {fact} in {column}, so no version is published; the first is "
            f"{empty['item_id'][0].as_py()} (`redub trace` says where it came from)"
        )


def counted(rows: pa.Table, column: str) -> dict[str, int]:
    """How many rows say what."""
    return {str(c["values"] or "unknown"): c["counts"] for c in pc.value_counts(rows[column]).to_pylist()}
