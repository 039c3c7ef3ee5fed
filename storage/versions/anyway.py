"""Marks the rows of a version that were made, for a stated reason, by models that know nothing of their footage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage.ledger.node import SOURCES, Node
from storage.ledger.selection import Selection
from storage.versions.facts import source_rows

ANYWAY = "anyway"
"""The manifest's entry, and the column of the rows; a version without such rows has neither."""


@dataclass(frozen=True)
class Anyway:
    """Why footage was computed all the same, by which models, and which it is."""

    reason: str
    models: tuple[str, ...]
    sources: frozenset[str]
    """Ids of those that the models know nothing of."""

    def marks(self, nodes: Sequence[Node], chosen: Mapping[str, Selection], items: pa.Array) -> pa.Array:
        """Of each item whether it was made from such a source."""
        ok = chosen[SOURCES.name].ok
        ours = ok.filter(pc.is_in(ok["item_id"], value_set=pa.array(sorted(self.sources), pa.string())))
        return pc.is_in(source_rows(nodes, chosen, items), value_set=ours["_rowid"].combine_chunks())

    def told(self, rows: int) -> dict[str, Any]:
        """For the manifest."""
        return {"reason": self.reason, "rows": rows, "models": list(self.models)}


def marked_rows(manifest: Mapping[str, Any]) -> int:
    """How many rows of a version are marked so."""
    return int(manifest.get(ANYWAY, {}).get("rows", 0))


def recounted(manifest: Mapping[str, Any], kept: pa.Table) -> dict[str, Any]:
    """The entry of a version that has lost rows; nothing where it had none."""
    if ANYWAY not in kept.column_names:
        return {}
    return {ANYWAY: manifest[ANYWAY] | {"rows": pc.sum(kept[ANYWAY]).as_py() or 0}}


def sentence(manifest: Mapping[str, Any]) -> str:
    """What a person is told of them; empty where there are none."""
    rows = marked_rows(manifest)
    if not rows:
        return ""
    models = ", ".join(manifest[ANYWAY]["models"])
    return (
        f"{rows:,} of {manifest['rows']:,} rows are of footage that their models know nothing of ({models}), "
        f"anyway: {manifest[ANYWAY]['reason']}"
    )
