"""`redub size`: prints how many bytes a catalog takes, and what tidying would free."""

from flows.terminal.console import console, number, print_json, size, table_of_columns
from flows.terminal.plain_text import escape
from storage.ledger.catalog import existing_catalog
from storage.versions.sizes import Sizes, sizes


def print_sizes(root: str, as_json: bool) -> None:
    found = sizes(existing_catalog(root))
    print_json(found) if as_json else show_sizes(found)


def show_sizes(found: Sizes) -> None:
    console.print(f"Catalog [bold]{escape(found.root)}[/], {size(found.bytes)}\n", soft_wrap=True)
    right = ("rows", "on disk", "unreached", "replaced")
    table = table_of_columns(("table", "left"), *((name, "right") for name in right))
    for one in found.tables:
        table.add_row(
            one.name, number(one.rows) if one.rows else "-", size(one.bytes), *map(_some, (one.unreached, one.replaced))
        )  # fmt: skip
    console.print(table)
    if found.versions:
        console.print()
        table = table_of_columns(*((name, "right") for name in ("version", "rows", "holds", "alone")))
        for each in found.versions:
            table.add_row(each.version, number(each.rows), size(each.bytes), _some(each.alone))
        console.print(table)
    console.print(f"\n`redub gc --yes` would free at least {size(found.freed)}.")


def _some(count: int) -> str:
    return size(count) if count else "-"
