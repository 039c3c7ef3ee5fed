"""Publishes a dataset version: an immutable tag over a table of members, with the manifest inside it.

Publishing copies no video. `dataset.lance` holds one row per member: its split, all its facts and
scores, and for every stage the row id of its blobs. The same tag is put on the stages' tables, so that
no later compaction or clean-up can take away what a version points at.

Order matters, since a kill may come anywhere: stage tags first, then the rows with the manifest in
their schema, and last the dataset's own tag. A version exists when that tag does.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.node import SOURCES, Node
from storage.ledger.selection import Selection
from storage.ledger.table import Status
from storage.versions.anyway import ANYWAY, Anyway, marked_rows
from storage.versions.facts import (
    COUNTED,
    check_said,
    counted,
    declared_facts,
    digest_of,
    of_sources,
    source_facts,
    source_rows,
)
from storage.versions.gates import NO_GATES, Gates
from storage.versions.version import Version, latest_version, set_tag, write_version


def publish(
    catalog: Catalog,
    nodes: Sequence[Node],
    chosen: Mapping[str, Selection],
    facts: Mapping[str, Any],
    required: Sequence[str] = tuple(COUNTED),
    anyway: Anyway | None = None,
    gates: Gates = NO_GATES,
) -> Version:
    """Tag what the last node accepted; when that is what the newest version holds, nothing is written.

    `required`: the facts without which there is no version; stages declare which of their columns says one.
    `anyway`: what was computed though the models know nothing of it; its rows are marked.
    `gates`: what refuses a version that is there to be published, but is not what was hoped for.
    """
    declared = declared_facts(nodes, required)
    _refuse_pending(catalog, chosen)
    content = _content_digest(nodes, chosen)
    if not chosen[nodes[-1].name].ok.num_rows:
        last = next(s for s in chosen.values() if not s.ok.num_rows)
        kind = Status.REJECTED if last.count(Status.REJECTED) else Status.QUARANTINED
        raise StorageError(
            f"no item was accepted, so no version is published: {last.node.name} let none of {last.entered} through; "
            f"`redub sheet {last.node.name} --only {kind} -c {catalog.root}` shows why, `redub trace NAME` for one file"
        )
    newest = latest_version(catalog)
    marked = anyway.marks(nodes, chosen, _items(nodes, chosen)).true_count if anyway else 0
    same = newest is not None and (newest.manifest["content"], marked_rows(newest.manifest)) == (
        content,
        marked,
    )
    if newest and same and _same_rights(catalog, newest.manifest, nodes, chosen, declared):
        return newest
    members = member_table(catalog, nodes, chosen, of_sources(declared))
    for fact in required:
        check_said(members, fact, declared[fact])
    if anyway and marked:
        members = members.append_column(
            ANYWAY, anyway.marks(nodes, chosen, members["item_id"].combine_chunks())
        )
        facts = {**facts, ANYWAY: anyway.told(marked)}
    counts = {fact: counted(members, column) for fact, column in declared.items()}
    tag = f"v{int(newest.tag[1:]) + 1 if newest else 1}"
    manifest = _manifest(tag, content, nodes, chosen, members, counts)
    failing = gates.failing(tag, newest.manifest if newest else None, members.num_rows, counts)
    manifest |= gates.passed(tag, failing)
    manifest |= {"facts": declared, **_rights_digests(nodes, chosen), **facts}
    for node in nodes:
        table = catalog.table(node)
        set_tag(table.maintain(), tag)
    write_version(catalog, tag, members, manifest)
    return Version(tag, manifest, new=True)


def _same_rights(
    catalog: Catalog,
    manifest: Mapping[str, Any],
    nodes: Sequence[Node],
    chosen: Mapping[str, Selection],
    declared: Mapping[str, str],
) -> bool:
    """Whether the sources of the same rows still say the same. The digest of all that is listed is cheap, and seldom
    differs; manifests of before have neither it nor the other."""
    if manifest.get("listed") == digest_of(chosen[SOURCES.name].ok["_rowid"].combine_chunks()):
        return True
    if "rights" in manifest:
        return manifest["rights"] == _rights_digests(nodes, chosen)["rights"]
    facts = of_sources(declared)
    said = source_facts(catalog, nodes, chosen, _items(nodes, chosen), facts)
    return all(manifest[COUNTED[fact]] == counted(said, declared[fact]) for fact in facts)


def _rights_digests(nodes: Sequence[Node], chosen: Mapping[str, Selection]) -> dict[str, str]:
    listed = chosen[SOURCES.name].ok["_rowid"].combine_chunks()
    return {
        "listed": digest_of(listed),
        "rights": digest_of(source_rows(nodes, chosen, _items(nodes, chosen))),
    }


def _items(nodes: Sequence[Node], chosen: Mapping[str, Selection]) -> pa.Array:
    return chosen[nodes[-1].name].ok["item_id"].combine_chunks()


def _refuse_pending(catalog: Catalog, chosen: Mapping[str, Selection]) -> None:
    pending = {name: s.todo.num_rows for name, s in chosen.items() if s.todo.num_rows}
    if pending:
        told = ", ".join(f"{count} at {name}" for name, count in pending.items())
        raise StorageError(
            f"items are still to be computed ({told}), so no version is published; run the same command again: what "
            f"{catalog.root} holds is not computed twice"
        )


def member_table(
    catalog: Catalog, nodes: Sequence[Node], chosen: Mapping[str, Selection], facts: Sequence[str]
) -> pa.Table:
    """One row per accepted item: the columns of every stage that speaks about the same items, and what sources say.

    `facts` are the sources': a stage's own column of that name is a copy from when its row was made.
    """
    members = source_facts(catalog, nodes, chosen, _items(nodes, chosen), facts)
    for node in _same_items(nodes):
        members = _beside(members, _columns(catalog, node, chosen[node.name], facts))
    return members.sort_by("item_id").combine_chunks()


def _beside(members: pa.Table, columns: pa.Table) -> pa.Table:
    """An inner join on item_id, by hand, since Arrow's own refuses columns of lists."""
    places = pc.index_in(members["item_id"], value_set=columns["item_id"].combine_chunks()).combine_chunks()
    found = pc.is_valid(places)
    kept, rows = members.filter(found), columns.take(places.filter(found))
    for name in rows.column_names:
        if name != "item_id":
            kept = kept.append_column(name, rows[name])
    return kept


def _same_items(nodes: Sequence[Node]) -> list[Node]:
    """The stages from the last expansion on: before it, ids mean something else."""
    start = max((i for i, n in enumerate(nodes) if n.expands), default=0)
    return list(nodes[start:])


def _columns(catalog: Catalog, node: Node, selection: Selection, left_out: Sequence[str]) -> pa.Table:
    table = catalog.table(node)
    plain = [c for c in table.columns if c not in table.blobs and c not in left_out]
    rows = table.select(f"fingerprint = '{node.fingerprint}' AND status = 'ok'", ["item_id", *plain])
    rows = rows.filter(pc.is_in(rows["_rowid"], value_set=selection.ok["_rowid"].combine_chunks()))
    names = [f"{node.name}_{c}" for c in plain]
    return rows.rename_columns(["item_id", *names, f"{node.name}_row"])


def _content_digest(nodes: Sequence[Node], chosen: Mapping[str, Selection]) -> str:
    """Which rows, made how. A row id names a row that never changes, so no row need be read."""
    state = hashlib.blake2b(json.dumps([n.fingerprint for n in nodes]).encode(), digest_size=16)
    members, through = _items(nodes, chosen), _passed_through(nodes)
    for node in _same_items(nodes):
        ok = chosen[node.name].ok
        rows = ok["_rowid"]
        if node.name not in through or len(rows) > len(members):
            rows = rows.filter(pc.is_in(ok["item_id"], value_set=members))
        state.update(np.sort(rows.to_numpy()).tobytes())
    return state.hexdigest()


def _passed_through(nodes: Sequence[Node]) -> set[str]:
    """The stages that every member was accepted by, since the last stage reads them, or what it reads does."""
    reads = {node.name: node.reads for node in nodes}
    passed = {nodes[-1].name}
    for node in reversed(nodes):
        if node.name in passed:
            passed |= set(reads[node.name])
    return passed


def _manifest(
    tag: str,
    content: str,
    nodes: Sequence[Node],
    chosen: Mapping[str, Selection],
    members: pa.Table,
    counts: Mapping[str, dict[str, int]],
) -> dict[str, Any]:
    return {
        "version": tag,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "content": content,
        "rows": members.num_rows,
        **{name: counts.get(fact, {}) for fact, name in COUNTED.items()},
        "funnel": [funnel_row(chosen[name]) for name in ("sources", *(n.name for n in nodes))],
        "fingerprints": {n.name: n.fingerprint for n in nodes},
    }


def funnel_row(s: Selection) -> dict[str, Any]:
    """How many came in, went on, or stayed behind, and for what reasons."""
    return {
        "stage": s.node.name,
        "in": s.entered,
        "out": s.ok.num_rows,
        "rejected": s.count(Status.REJECTED),
        "quarantined": s.count(Status.QUARANTINED),
        "pending": s.todo.num_rows,
        **({"unmet": s.unmet} if s.node.named else {}),
    }
