"""The state of a catalog in a terminal: runs, rows, versions, quarantine."""

from collections.abc import Sequence
from typing import Any

from rich.markup import escape

from flows.view import _table, console, number, when
from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.ledger.newest import stage_order
from storage.ledger.node import LISTED
from storage.versions.trace import trace
from storage.versions.version import load_version, tags


def show_status(catalog: Catalog) -> None:
    console.print(f"Catalog [bold]{catalog.root}[/]\n", soft_wrap=True)
    runs = catalog.runs()
    _show_runs(catalog, runs)
    _show_rows(catalog, set(runs[0]["fingerprints"] if runs else []))
    _show_versions(catalog)


def _show_runs(catalog: Catalog, runs: list[dict[str, Any]]) -> None:
    table = _table(*((n, "left") for n in ("run", "started", "recipe", "profile", "ended")))
    busy = catalog.holder() is not None
    for i, run in enumerate(runs[:5]):
        end = run["ended"]
        state = f"{end['event']} {end['message']}" if end else "running" if busy and i == 0 else "killed"
        table.add_row(run["run"], when(run["at"]), run["recipe"], run["profile"], escape(state))
    console.print(table)
    console.print()


def _show_rows(catalog: Catalog, current: set[str]) -> None:
    """Rows of the newest run's settings; `older` are kept for versions that were made with others."""
    columns = ("ok", "rejected", "quarantined", "older")
    table = _table(("stage", "left"), *((c, "right") for c in columns))
    for stage in stage_order(catalog):
        dataset = open_table(catalog, stage)
        if dataset is None:
            continue
        counts = dict.fromkeys(columns, 0)
        groups = dataset.to_table(columns=["fingerprint", "status"]).group_by(["fingerprint", "status"])
        for row in groups.aggregate([([], "count_all")]).to_pylist():
            is_current = row["fingerprint"] in current | {LISTED.fingerprint}
            counts[row["status"] if is_current and row["status"] in counts else "older"] += row["count_all"]
        table.add_row(stage, *(number(counts[c]) for c in columns))
    console.print(table)
    console.print()


def _show_versions(catalog: Catalog) -> None:
    known = tags(catalog)
    if not known:
        console.print("No version published yet.")
        return
    table = _table(
        ("version", "left"), ("rows", "right"), ("splits", "left"), ("made", "left"), ("commit", "left")
    )
    for tag in reversed(known[-8:]):
        m = load_version(catalog, tag)[0].manifest
        splits = ", ".join(f"{k} {v}" for k, v in sorted(m["splits"].items()))
        table.add_row(tag, number(m["rows"]), splits, m["created"][:19].replace("T", " "), m["git_commit"])
    console.print(table)


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
        console.print(escape(row["detail"].rstrip()), soft_wrap=True)
    console.print(
        f"\nTry it again: redub quarantine retry {row['item_id'][:12]} -c {catalog.root}", soft_wrap=True
    )
