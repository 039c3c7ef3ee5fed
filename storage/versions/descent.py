"""Which rows were made from which: upwards to the sources, downwards to what is published, and across by name."""

from collections.abc import Iterable, Mapping
from typing import Any

from storage.ledger.catalog import Catalog
from storage.ledger.fingerprint import Computation
from storage.ledger.lance_files import open_table
from storage.ledger.node import LISTED


def items_below(catalog: Catalog, stages: Iterable[str], found: set[str]) -> set[str]:
    """These items and all that was made from them."""
    below = set(found)
    for stage in stages:
        below |= {r["item_id"] for r in rows_where(catalog, stage, any_of("parent_id", below), ["item_id"])}
    return below


def items_above(catalog: Catalog, stages: list[str], found: set[str]) -> set[str]:
    above = set(found)
    for stage in reversed(stages):
        above |= {r["parent_id"] for r in rows_where(catalog, stage, any_of("item_id", above), ["parent_id"])}
    return above


def naming_columns(computed: Mapping[str, Computation]) -> set[str]:
    """Columns by which some stage reads other items' rows."""
    return {up.partition(" by ")[2] for one in computed.values() for up in one.upstream} - {""}


def fingerprints_read_by_name(computed: Mapping[str, Computation]) -> set[str]:
    """Fingerprints of rows that are read for other items, and of all that these were made from."""
    reached = {up.partition(" by ")[0] for one in computed.values() for up in one.upstream if " by " in up}
    waiting = list(reached)
    while waiting:
        one = computed.get(waiting.pop())
        fresh = {up.partition(" by ")[0] for up in (one.upstream if one else ())} - reached
        reached |= fresh
        waiting += fresh
    return reached | {LISTED.fingerprint}


def others_named(
    catalog: Catalog, stages: list[str], ids: set[str], columns: Iterable[str]
) -> dict[str, str]:
    """Other items that these name, and what those were made from -> the column that names them."""
    named: dict[str, str] = {}
    for stage in stages:
        for column in set(columns) & set(columns_of(catalog, stage)):
            rows = rows_where(catalog, stage, any_of("item_id", ids), [column])
            named |= {row[column]: column for row in rows if row[column] not in (None, *ids)}
    for item, column in list(named.items()):
        named |= dict.fromkeys(items_above(catalog, stages, {item}) - ids, column)
    return named


def columns_of(catalog: Catalog, stage: str) -> list[str]:
    dataset = open_table(catalog, stage)
    return [] if dataset is None else dataset.schema.names


def any_of(column: str, ids: Iterable[str]) -> str:
    listed = ", ".join(f"'{i}'" for i in sorted(ids)) or "''"  # no id is empty
    return f"{column} IN ({listed})"


def rows_where(catalog: Catalog, stage: str, where: str, columns: list[str]) -> list[dict[str, Any]]:
    dataset = open_table(catalog, stage)
    return [] if dataset is None else dataset.to_table(columns=columns, filter=where).to_pylist()
