"""`redub forget`: says what of a person or a source is in a catalog, and deletes it when told so."""

from typing import Any

from flows.recipes import STAGES
from flows.terminal.console import console, number, print_json
from flows.terminal.lineage import seen_line
from flows.terminal.plain_text import escape
from storage.errors import StorageError
from storage.ledger.catalog import Catalog, existing_catalog
from storage.versions.find_person import Found, find_source, find_speaker
from storage.versions.forget import forget
from storage.versions.trained import showing, who_saw


def forget_one(root: str, speaker: str, source: str, yes: bool, as_json: bool = False) -> None:
    catalog = existing_catalog(root)
    if bool(speaker) == bool(source):
        raise StorageError("say whom or what: `redub forget --speaker NAME` or `redub forget --source URI`")
    if not yes:
        found = _found(catalog, speaker, source)
        if as_json:
            print_json({"deleted": False, **_plain(catalog, found)})
            return
        _show(catalog, found)
        console.print("\nNothing deleted yet: the same command with --yes deletes, and can't be undone.")
        return
    with catalog.lock("forget"):
        found = _found(catalog, speaker, source)
        told = _plain(catalog, found)  # what is deleted can't be asked for afterwards
        if not as_json:
            _show(catalog, found)
        forget(catalog, found)
    if as_json:
        print_json({"deleted": True, **told})
        return
    console.print("\nDeleted. What lies outside the catalog redub doesn't know: the listed files,")
    console.print("sheets, renderings, review pages (some in Prefect's database), pages of `redub")
    console.print("try`, exports, what MLflow or W&B were told, backups.")
    if "://" in catalog.root:
        console.print("And redub-logs, where TensorBoard's files are written on the machine that trains.")


def _plain(catalog: Catalog, found: Found) -> dict[str, Any]:
    """For a program."""
    items = set().union(*found.rows.values())
    return {
        "what": found.what, "name": found.name, "sources": found.uris, "shared_sources": found.shared,
        "rows": found.counts, "versions": found.versions, "pictures": [one.run for one in showing(catalog, items)],
        "trainings": who_saw(catalog, items),
    }  # fmt: skip


def _found(catalog: Catalog, speaker: str, source: str) -> Found:
    if source:
        return find_source(catalog, source)
    said_by = {name: "speaker" for name, stage in STAGES.items() if "speaker" in stage.facts}
    return find_speaker(catalog, speaker, said_by)


def _show(catalog: Catalog, found: Found) -> None:
    if not (found.counts or found.versions):
        console.print("  nothing of it is left in the catalog")
    for uri in found.uris:
        console.print(f"  source {escape(uri)}", soft_wrap=True)
    for uri in found.shared:
        console.print(f"  part of source {escape(uri)}, in which somebody else is seen, too", soft_wrap=True)
    for stage, rows in found.counts.items():
        console.print(f"  {stage}: {number(rows)} rows")
    for tag, rows in found.versions.items():
        console.print(f"  version {tag}: {number(rows)} rows; whatever was trained on it has seen them")
    items = set().union(*found.rows.values())
    for shown in showing(catalog, items):
        console.print(f"  training {shown.run}: its pictures, which may show some of it", markup=False)
    for one in who_saw(catalog, items):
        console.print(f"  {seen_line(one)}; it can't unlearn that", markup=False, soft_wrap=True)
