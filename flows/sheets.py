"""Runs reducing stages over a published version: its rows in, one artifact out."""

from typing import Any

from flows.pipeline import input_columns
from flows.recipes import RECIPES, nodes_of, stages_of
from storage.catalog import Catalog
from storage.publish import load_version
from storage.table import Table
from tasks.sheet import Sheet
from tasks.stage import Reduce


def version_sheet(catalog: Catalog, tag: str) -> bytes:
    """A PNG of a version's members."""
    sheet = Sheet()
    return reduce(catalog, tag, sheet, sheet.config.limit)


def reduce(catalog: Catalog, tag: str, stage: Reduce, limit: int | None = None) -> Any:
    """Fill the stage's Input from the version's columns and its stages' blobs, and call it once."""
    nodes = {n.name: n for n in nodes_of(stages_of(RECIPES["mini"]))}
    upstream = [nodes[up.name] for up in stage.reads]
    members = load_version(catalog, tag)[1].to_table(limit=limit).to_pylist()
    rows: list[dict[str, Any]] = [{"id": m["item_id"]} for m in members]
    for node, columns in zip(upstream, input_columns(stage, upstream), strict=True):
        table = Table(catalog.uri(node.name), node.output, catalog.store.options)
        found = table.read([m[f"{node.name}_row"] for m in members], columns) if members else []
        for row, values in zip(rows, found, strict=True):
            row.update(values)
    stage.setup(catalog.store)
    return stage([stage.Input(**row) for row in rows])
