"""`redub rows`: prints rows of a version, or counts of them, for people or as JSON."""

from collections.abc import Sequence
from typing import Any

from flows.terminal.console import console, duration, number, print_json, size, table_of_columns
from flows.terminal.plain_text import escape
from storage.ledger.catalog import existing_catalog
from storage.versions.rows import Count, counts_by, member_rows_where
from storage.versions.version import tag_named

ID = 12
LONGEST = 40
"""Of a value in the table."""


def print_rows(
    root: str, version: str, where: str, columns: Sequence[str], limit: int, as_json: bool
) -> None:
    catalog = existing_catalog(root)
    tag = tag_named(catalog, version)
    found = member_rows_where(catalog, tag, where, columns)
    shown = found.slice(0, limit).to_pylist()
    if as_json:
        print_json({"version": tag, "matching": found.num_rows, "rows": shown})
        return
    table = table_of_columns(*((name, "left") for name in found.column_names))
    for row in shown:
        table.add_row(*(escape(_short(value)) for value in _short_id(row).values()))
    if shown:
        console.print(table)
    rest = f", {number(limit)} of them above (--limit)" if found.num_rows > limit else ""
    console.print(f"{number(found.num_rows)} rows of {tag}" + (" match" if where else "") + rest)


def _short_id(row: dict[str, Any]) -> dict[str, Any]:
    """As much of it as other commands want."""
    return row | {"item_id": row["item_id"][:ID]} if "item_id" in row else row


def _short(value: Any) -> str:
    text = "none" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def print_counts(root: str, version: str, by: str, where: str, as_json: bool) -> None:
    catalog = existing_catalog(root)
    tag = tag_named(catalog, version)
    found = counts_by(catalog, tag, by, where)
    if as_json:
        print_json({"version": tag, "by": by, "counts": found})
    elif not found:
        console.print(f"No row of {tag}" + (" matches." if where else "."))
    elif by == "stage":
        _show_stages(found)
    elif by == "reason":
        _show_reasons(found)
    else:
        _show_values(found, by)


def _show_stages(found: Sequence[Count]) -> None:
    right = ("ok", "rejected", "quarantined", "took", "bytes")
    table = table_of_columns(("stage", "left"), *((name, "right") for name in right))
    for one in found:
        counts = map(number, (one.rows, one.rejected, one.quarantined))
        table.add_row(one.value, *counts, duration(one.seconds), size(one.bytes))
    console.print(table)


def _show_reasons(found: Sequence[Count]) -> None:
    table = table_of_columns(("rows", "right"), ("stage", "left"), ("code", "left"), ("for example", "left"))
    for one in found:
        table.add_row(number(one.rows), one.stage, escape(one.code), escape(one.value))
    console.print(table)


def _show_values(found: Sequence[Count], by: str) -> None:
    table = table_of_columns(("rows", "right"), (by, "left"))
    for one in found:
        table.add_row(number(one.rows), escape(one.value))
    console.print(table)
