"""`redub gc`: says which rows and files nothing reaches, and deletes them when told so."""

from flows.terminal.console import console, number, print_json, size
from storage.ledger.catalog import existing_catalog
from storage.versions.garbage import Garbage, collect, find_garbage


def collect_garbage(catalog: str, keep: int | None, yes: bool, as_json: bool = False) -> None:
    tables = existing_catalog(catalog)
    found = find_garbage(tables, keep)
    if not as_json:
        _show(found, yes)
    if yes:
        with tables.lock("gc"):
            found = collect(tables, found)
    if as_json:
        freed = found.freed if yes else None
        print_json({"deleted": yes, "rows": found.rows, "versions": found.versions, "freed": freed})
    elif yes:
        console.print(f"Freed {size(found.freed)}.")


def _show(found: Garbage, yes: bool) -> None:
    for stage, rows in found.rows.items():
        console.print(f"  {stage}: {number(rows)} rows of settings that no kept version has")
    for tag in found.versions:
        console.print(f"  version {tag}")
    if not yes:
        console.print("Nothing deleted yet." if found.rows or found.versions else "No unreached rows.")
        console.print("`redub gc --yes` deletes, and clears away what killed writers left.")
