"""`redub gc`: says which rows and files nothing reaches, and deletes them when told so."""

from flows.terminal.console import console, number, size
from storage.ledger.catalog import existing_catalog
from storage.versions.garbage import collect, find_garbage


def collect_garbage(catalog: str, keep: int | None, yes: bool) -> None:
    tables = existing_catalog(catalog)
    found = find_garbage(tables, keep)
    for stage, rows in found.rows.items():
        console.print(f"  {stage}: {number(rows)} rows of settings that no kept version has")
    for tag in found.versions:
        console.print(f"  version {tag}")
    if not yes:
        console.print("Nothing deleted yet." if found.rows or found.versions else "No unreached rows.")
        console.print("`redub gc --yes` deletes, and clears away what killed writers left.")
        return
    with tables.lock("gc"):
        console.print(f"Freed {size(collect(tables, found).freed)}.")
