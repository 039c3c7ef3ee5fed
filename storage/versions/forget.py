"""Deletes a person or a source for good: from every table and every version, and keeps it from coming back.

    found = find_speaker(catalog, "Kim", {"speakers": "speaker"})     # storage/versions/find_person.py
    forget(catalog, found)                                            # with the catalog's lock held

What goes: the rows of these items and of all that was made from them, also of what another item's row was made
from by way of a column that names one of these; the members of published versions, which keep their names and say
when they lost how many rows; people's verdicts on them; the page of masks that lies in the catalog; the pictures
of trainings whose version had any of them, which show clips that they were validated on. What stays is a list of
ids and hashes (`forgotten.lance`), by which the same file or the same content is refused when it is listed again.
Killed half-way, the same command goes on: the list is written first, and everything else follows from it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.forgotten import hashed, remember
from storage.ledger.lance_files import open_table
from storage.trainings.reading import Training
from storage.trainings.writing import drop_pictures
from storage.versions.anyway import recounted
from storage.versions.descent import any_of
from storage.versions.find_person import Found, members_of, rows_of
from storage.versions.garbage import clean, drop_rows
from storage.versions.publish import COUNTED, counted
from storage.versions.trained import showing
from storage.versions.version import load_version, tags, write_version

REVIEW_PAGE = "review"


def forget(catalog: Catalog, found: Found) -> None:
    """Call it with the catalog's lock held."""
    shown = showing(catalog, set().union(*found.rows.values()))
    _refuse_running(shown)
    now = datetime.now(UTC)
    _remember_to_refuse(catalog, found, now)
    for one in shown:  # as long as versions say which
        drop_pictures(catalog, one.run)
    for tag in tags(catalog):
        _rewrite(catalog, tag, found, now)
    for stage, ids in reversed(
        list(found.rows.items())
    ):  # sources last: from them all others are found again
        dataset = open_table(catalog, stage)
        if dataset is not None:
            drop_rows(dataset, rows_of(ids))
            _move_tags(dataset)
            clean(dataset)
    reviews = open_table(catalog, "reviews")
    if reviews is not None:
        drop_rows(reviews, any_of("item", found.items))
        clean(reviews)
    if tags(catalog):
        clean(open_table(catalog, "dataset"))
    fs, path = catalog.store.filesystem(f"{catalog.root}/{REVIEW_PAGE}")
    if fs.exists(path):
        fs.rm(path, recursive=True)


def _refuse_running(shown: Sequence[Training]) -> None:
    """It has read these rows already, and would draw them again."""
    running = [one.run for one in shown if one.state == "running"]
    if running:
        raise StorageError(
            f"training {running[0]} is running on data that is to be forgotten, and would write pictures of it: stop it "
            "first, then run the same command again"
        )


def _remember_to_refuse(catalog: Catalog, found: Found, now: datetime) -> None:
    said = [("item", item) for item in sorted(found.items)] + [("uri", hashed(uri)) for uri in found.uris]
    if found.what == "speaker":
        said.append(("speaker", hashed(found.name)))
    remember(catalog, said, now)


def _move_tags(dataset: Any) -> None:
    """To the newest state, which holds every row of every version that is kept, but for those forgotten."""
    for tag in dataset.tags.list():
        dataset.tags.update(tag, dataset.version)


def _rewrite(catalog: Catalog, tag: str, found: Found, now: datetime) -> None:
    """The same version without these members; its manifest counts anew, and says when and how many left.

    All versions are written again, oldest first, so that the newest stays the table's newest state.
    """
    version, dataset = load_version(catalog, tag)
    rows = dataset.to_table()
    kept = dataset.to_table(filter=f"NOT ({members_of(found.rows)})")
    manifest = dict(version.manifest)
    if lost := rows.num_rows - kept.num_rows:
        gone = {"at": now.isoformat(timespec="seconds"), "rows": lost, "what": found.what}
        columns = manifest.get("facts") or _guessed_facts(kept.schema.names)
        counts = {name: counted(kept, columns[fact]) for fact, name in COUNTED.items() if fact in columns}
        manifest |= {"rows": kept.num_rows, **counts, **recounted(manifest, kept)}
        manifest["forgotten"] = [*manifest.get("forgotten", ()), gone]
    write_version(catalog, tag, kept, manifest)


def _guessed_facts(names: Sequence[str]) -> dict[str, str]:
    """Of a version that was made before manifests said which column is which."""
    found = {fact: next((n for n in names if n.endswith(f"_{fact}")), None) for fact in COUNTED}
    return {fact: name for fact, name in found.items() if name}
