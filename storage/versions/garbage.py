"""Deletes what no published version and no unfinished rebuild can reach.

Kept: the rows of every fingerprint that a kept version names (its rejected rows too: they answer why),
and those of the newest run, which may not have published yet. Everything else was computed with settings
that nobody published; it can be computed again. A version that a training learnt from, or that an alias names, is
not given up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.lance_files import open_table
from storage.ledger.newest import newest_fingerprints, stage_order
from storage.trainings.reading import trained_on
from storage.versions.aliases import aliases, names_of
from storage.versions.version import load_version, tags


@dataclass(frozen=True)
class Garbage:
    rows: dict[str, int]
    """Stage -> rows that nothing reaches."""
    versions: tuple[str, ...]
    """Versions that are given up."""
    freed: int = 0
    """Bytes on disk, once collected."""


def find_garbage(catalog: Catalog, keep_versions: int | None = None) -> Garbage:
    known = tags(catalog)
    dropped = known[:-keep_versions] if keep_versions else []
    _refuse_trained_on(catalog, known, dropped)
    _refuse_named(catalog, known, dropped)
    reached = reached_by(catalog, [t for t in known if t not in dropped])
    counts = {}
    for stage in stage_order(catalog)[1:]:
        dataset = open_table(catalog, stage)
        if dataset is not None:
            counts[stage] = dataset.count_rows(unreached(reached))
    return Garbage({s: n for s, n in counts.items() if n}, tuple(dropped))


def collect(catalog: Catalog, garbage: Garbage) -> Garbage:
    """Call it with the catalog's lock held: it also removes files that a killed writer left behind."""
    before = _size(catalog)
    _refuse_trained_on(catalog, tags(catalog), garbage.versions)
    _refuse_named(catalog, tags(catalog), garbage.versions)
    for tag in garbage.versions:
        _drop_tag(catalog, tag)
    reached = reached_by(catalog, tags(catalog))
    for stage in stage_order(catalog):
        dataset = open_table(catalog, stage)
        if dataset is not None:
            if stage in garbage.rows:
                drop_rows(dataset, unreached(reached))
            clean(dataset)
    dataset = open_table(catalog, "dataset")
    if dataset is not None:
        clean(dataset)
    return Garbage(garbage.rows, garbage.versions, max(0, before - _size(catalog)))


def _refuse_trained_on(catalog: Catalog, known: Sequence[str], dropped: Sequence[str]) -> None:
    """What a training has learnt from must be there to be looked at, as long as there is that training."""
    trained = trained_on(catalog)
    held = [tag for tag in known if tag in dropped and tag in trained]
    if held:
        one, *others = trained[held[0]]
        more = f" and {len(others)} more" if others else ""
        doing = "is being trained on" if one.state == "running" else "was trained on"
        keep = len(known) - known.index(held[0])
        raise StorageError(
            f"{held[0]} can't be given up: {one.run}{more} {doing} it; keep more versions (--keep {keep}), or drop the "
            f"training first (`redub runs drop {one.run}`)"
        )


def _refuse_named(catalog: Catalog, known: Sequence[str], dropped: Sequence[str]) -> None:
    """An alias is what others count on."""
    standing = aliases(catalog)
    named = [tag for tag in known if tag in dropped and names_of(standing, tag)]
    if named:
        alias = names_of(standing, named[0])[0]
        raise StorageError(
            f"{named[0]} can't be given up: the alias {alias} names it; keep more versions (--keep "
            f"{len(known) - known.index(named[0])}), or move the alias first (`redub alias {alias} VERSION`)"
        )


def reached_by(catalog: Catalog, kept: Sequence[str]) -> set[str]:
    """The fingerprints whose rows are kept with these versions."""
    reached = {f for t in kept for f in load_version(catalog, t)[0].manifest["fingerprints"].values()}
    return reached | set(newest_fingerprints(catalog).values())


def unreached(reached: set[str]) -> str:
    """As a filter."""
    listed = ", ".join(f"'{f}'" for f in sorted(reached)) or "''"
    return f"fingerprint NOT IN ({listed})"


def _drop_tag(catalog: Catalog, tag: str) -> None:
    """The dataset's own tag first: from then on the version is gone, whatever else remains."""
    for name in ("dataset", *stage_order(catalog)):
        dataset = open_table(catalog, name)
        if dataset is not None and tag in dataset.tags.list():
            dataset.tags.delete(tag)


def drop_rows(dataset: Any, where: str) -> None:
    """Out of the newest state, whose files are written anew without them."""
    dataset.delete(where)
    dataset.optimize.compact_files(materialize_deletions_threshold=0.0, num_threads=1)
    dataset.checkout_latest()


def clean(dataset: Any) -> None:
    """Delete the files that neither the newest state nor a tag needs, and what killed writers left."""
    dataset.cleanup_old_versions(
        older_than=timedelta(0), delete_unverified=True, error_if_tagged_old_versions=False
    )


def _size(catalog: Catalog) -> int:
    fs, path = catalog.store.filesystem(catalog.root)
    return int(fs.du(path, total=True))
