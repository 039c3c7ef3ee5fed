"""`redub quarantine`: prints what is held and why, one held item with its traceback, and asks for another try."""

from collections.abc import Sequence
from typing import Any

from flows.recipes import STAGES
from flows.terminal.console import console, print_json, when
from flows.terminal.plain_text import escape, paragraph
from storage.ledger.catalog import Catalog, existing_catalog
from storage.ledger.newest import newest_fingerprints
from storage.ledger.node import Node
from storage.ledger.quarantine import held, one, retry
from storage.versions.lineage import trace

TOLD = ("item_id", "parent_id", "stage", "fingerprint", "reason", "detail", "attempts", "run", "written_at")


def print_held(catalog: str, as_json: bool = False) -> None:
    tables = existing_catalog(catalog)
    rows = held(tables, _nodes(tables))
    print_json([_plain(row) for row in rows]) if as_json else show_quarantine(rows, tables.root)


def print_one_held(catalog: str, item: str, as_json: bool = False) -> None:
    tables = existing_catalog(catalog)
    row = one(held(tables, _nodes(tables), item), item)
    if as_json:
        print_json(_plain(row) | {"sources": trace(tables, row["item_id"]).uris})
    else:
        show_held(tables, row)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """As `--json` gives it."""
    return {name: row[name] for name in TOLD}


def ask_to_try_again(catalog: str, item: str) -> None:
    tables = existing_catalog(catalog)
    nodes = _nodes(tables)
    rows = held(tables, nodes, "" if item == "all" else item)
    if item != "all":
        one(rows, item)
    with tables.lock("quarantine-retry"):
        retry(tables, nodes, rows, "quarantine-retry")
    console.print(f"{len(rows)} items will be tried again by the next `redub rebuild`.")


def _nodes(tables: Catalog) -> list[Node]:
    """Of the newest rebuild, whatever its recipe was; a stage that it lacks is that of the newest one that had it."""
    made = tables.computations()
    return [
        Node(stage, STAGES[stage].Output, made[fingerprint], ())
        for stage, fingerprint in newest_fingerprints(tables).items()
        if stage in STAGES and fingerprint in made
    ]


def show_quarantine(rows: Sequence[dict[str, Any]], root: str) -> None:
    if not rows:
        console.print(f"Nothing in quarantine in {root}.", soft_wrap=True)
        return
    for row in rows:
        console.print(
            f"[bold]{row['item_id'][:12]}[/]  {row['stage']:<10} [red]{escape(row['reason'] or '')}[/]"
        )
    console.print(
        f"\n{len(rows)} held. `redub quarantine show ID` tells more, `redub quarantine retry ID` tries again."
    )


def show_held(catalog: Catalog, row: dict[str, Any]) -> None:
    for uri in trace(catalog, row["item_id"]).uris:
        console.print(f"source    {escape(uri)}", soft_wrap=True)
    console.print(f"item      {row['item_id']}")
    console.print(f"stage     {row['stage']} (fingerprint {row['fingerprint']})")
    console.print(f"reason    [red]{escape(row['reason'] or '')}[/]")
    console.print(f"attempts  {row['attempts']}, last {when(row['written_at'])}, run {row['run']}")
    if row["detail"]:
        console.print()
        console.print(paragraph(row["detail"].rstrip()), soft_wrap=True)
    console.print(
        f"\nTry it again: redub quarantine retry {row['item_id'][:12]} -c {catalog.root}", soft_wrap=True
    )
