"""Deletes a person or a source for good: from every table and every version, and keeps it from coming back.

    found = find_speaker(catalog, "Kim", {"speakers": "speaker"})     # only looks
    forget(catalog, found)                                            # with the catalog's lock held

What goes: the rows of these items and of all that was made from them, also of what another item's row was made
from by way of a column that names one of these; the members of published versions, which keep their names and say
when they lost how many rows; people's verdicts on them; the page of masks that lies in the catalog. What stays is a
list of ids and hashes (`forgotten.lance`), by which the same file or the same content is refused when it is listed
again. Killed half-way, the same command goes on: the list is written first, and everything else follows from it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.forgotten import forgotten, forgotten_items, hashed, remember
from storage.ledger.lance_files import open_table
from storage.ledger.newest import stage_order
from storage.ledger.node import SOURCES
from storage.versions.descent import any_of, items_below, naming_columns, rows_where
from storage.versions.garbage import clean, drop_rows
from storage.versions.publish import COUNTED, counted
from storage.versions.version import load_version, tags, write_version

REVIEW_PAGE = "review"
TOLD = 8
"""Names that an error lists at most."""


@dataclass(frozen=True)
class Found:
    """What is to be forgotten."""

    what: str
    """speaker or source."""
    name: str
    uris: tuple[str, ...]
    """Sources that go as a whole."""
    shared: tuple[str, ...]
    """Sources of which only a part goes, since somebody else is in them."""
    items: frozenset[str]
    """Their items, which are refused from now on."""
    rows: Mapping[str, frozenset[str]]
    """Stage -> items whose rows go; some of them are other items' that were made from these."""
    counts: Mapping[str, int]
    """Stage -> rows that go."""
    versions: Mapping[str, int]
    """Version -> rows that it loses."""


# -- looking ---------------------------------------------------------------------------------------------


def find_source(catalog: Catalog, uri: str) -> Found:
    """By its whole uri, or by an end of it that fits one source alone."""
    quoted = uri.replace("'", "''")
    rows = rows_where(catalog, SOURCES.name, f"ends_with(uri, '{quoted}')", ["item_id", "uri"])
    begun = _begun(catalog, "uri", uri)
    if begun and not rows:
        return _found(catalog, "source", uri, (uri,), (), begun)
    exact = [row for row in rows if row["uri"] == uri]
    uris = sorted({row["uri"] for row in exact or rows})
    if len(uris) != 1:
        listed = f"{len(uris)} end so: {', '.join(uris[:TOLD])}" if uris else "none ends so"
        raise StorageError(
            f"--source must name one source of {catalog.root}, and {listed}; give the whole uri"
        )
    ids = {row["item_id"] for row in rows if row["uri"] == uris[0]}
    return _found(catalog, "source", uris[0], uris, (), ids | _begun(catalog, "uri", uris[0]))


def _begun(catalog: Catalog, kind: str, name: str) -> set[str]:
    """Items that are to be gone already, where an earlier call for the same name was killed half-way."""
    return set(forgotten_items(catalog)) if f"{kind}:{hashed(name)}" in forgotten(catalog) else set()


def find_speaker(catalog: Catalog, name: str, said_by: Mapping[str, str]) -> Found:
    """`said_by`: stage -> its column that says who is seen. A manifest's name counts as well.

    A clip that nobody was named for (it was rejected before) goes with the person whose source it is from, unless
    somebody else is in that source: then it goes, too, for it may be either's.
    """
    quoted = name.replace("'", "''")
    stages = stage_order(catalog)
    named = {
        row["item_id"] for row in rows_where(catalog, SOURCES.name, f"speaker = '{quoted}'", ["item_id"])
    }
    theirs, others = _begun(catalog, "speaker", name), set[str]()
    for stage, column in said_by.items():
        for row in rows_where(catalog, stage, f"status = 'ok' AND {column} IS NOT NULL", ["item_id", column]):
            (theirs if row[column] == name else others).add(row["item_id"])
    if not named and not theirs:
        raise StorageError(
            f"nobody in {catalog.root} is called {name!r}; {_known_speakers(catalog, said_by)}"
        )
    sources = {
        row: items_below(catalog, stages, {row}) for row in _sources_of(catalog, stages, theirs) | named
    }
    whole = {source for source, below in sources.items() if source in named or not below & (others - theirs)}
    parted = sources.keys() - whole
    items = set().union(theirs, *(sources[source] for source in whole))
    for source in parted:
        items |= _unnamed_clips(catalog, stages, sources[source], others - theirs)
    uris = {
        row["item_id"]: row["uri"]
        for row in rows_where(catalog, SOURCES.name, any_of("item_id", sources), ["item_id", "uri"])
    }
    return _found(
        catalog, "speaker", name, sorted({uris[s] for s in whole}), sorted({uris[s] for s in parted}), items
    )


def _known_speakers(catalog: Catalog, said_by: Mapping[str, str]) -> str:
    known = {row["speaker"] for row in rows_where(catalog, SOURCES.name, "speaker != ''", ["speaker"])}
    for stage, column in said_by.items():
        known |= {row[column] for row in rows_where(catalog, stage, f"{column} IS NOT NULL", [column])}
    names = sorted(known)
    return (
        f"known are {', '.join(names[:TOLD])}" + (" ..." if len(names) > TOLD else "")
        if names
        else "nobody is known"
    )


def _sources_of(catalog: Catalog, stages: Sequence[str], items: set[str]) -> set[str]:
    above, found = set(items), set[str]()
    for stage in reversed(stages[1:]):
        above |= {r["parent_id"] for r in rows_where(catalog, stage, any_of("item_id", above), ["parent_id"])}
    found |= {r["item_id"] for r in rows_where(catalog, SOURCES.name, any_of("item_id", above), ["item_id"])}
    return found


def _unnamed_clips(catalog: Catalog, stages: Sequence[str], below: set[str], others: set[str]) -> set[str]:
    """Items below a source that no other item leads to, and that aren't somebody else's or lead to them."""
    parents = {
        row["parent_id"]
        for stage in stages
        for row in rows_where(catalog, stage, any_of("item_id", below), ["item_id", "parent_id"])
        if row["parent_id"] != row["item_id"]
    }
    return below - parents - others


def _found(
    catalog: Catalog, what: str, name: str, uris: Sequence[str], shared: Sequence[str], ids: set[str]
) -> Found:
    stages = stage_order(catalog)
    items = items_below(catalog, stages, ids)
    rows = {stage: set(items) for stage in stages}
    _add_made_from(catalog, stages, rows, items)
    counts = {stage: _count(catalog, stage, rows[stage]) for stage in stages}
    held = {tag: load_version(catalog, tag)[1].count_rows(_members(rows)) for tag in tags(catalog)}
    return Found(
        what, name, tuple(uris), tuple(shared), frozenset(items),
        {stage: frozenset(ids) for stage, ids in rows.items()},
        {stage: n for stage, n in counts.items() if n}, {tag: n for tag, n in held.items() if n},
    )  # fmt: skip


def _add_made_from(
    catalog: Catalog, stages: Sequence[str], rows: dict[str, set[str]], items: set[str]
) -> None:
    """Rows of other items that name one of these, and what came after: they may hold its picture or its sound."""
    columns = naming_columns(catalog.computations())
    for place, stage in enumerate(stages):
        dataset = open_table(catalog, stage)
        for column in columns & set(dataset.schema.names if dataset is not None else ()):
            naming = {r["item_id"] for r in rows_where(catalog, stage, any_of(column, items), ["item_id"])}
            for later in stages[place:]:
                rows[later] |= naming
                naming |= {
                    r["item_id"] for r in rows_where(catalog, later, any_of("parent_id", naming), ["item_id"])
                }


def _members(rows: Mapping[str, Iterable[str]]) -> str:
    return any_of("item_id", set().union(*rows.values()))


def _where(ids: Iterable[str]) -> str:
    return f"{any_of('item_id', ids)} OR {any_of('parent_id', ids)}"


def _count(catalog: Catalog, stage: str, ids: set[str]) -> int:
    dataset = open_table(catalog, stage)
    return 0 if dataset is None else dataset.count_rows(_where(ids))


# -- forgetting ------------------------------------------------------------------------------------------


def forget(catalog: Catalog, found: Found) -> None:
    """Call it with the catalog's lock held."""
    now = datetime.now(UTC)
    _remember_to_refuse(catalog, found, now)
    for tag in tags(catalog):
        _rewrite(catalog, tag, found, now)
    for stage, ids in reversed(
        list(found.rows.items())
    ):  # sources last: from them all others are found again
        dataset = open_table(catalog, stage)
        if dataset is not None:
            drop_rows(dataset, _where(ids))
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
    kept = dataset.to_table(filter=f"NOT ({_members(found.rows)})")
    manifest = dict(version.manifest)
    if lost := rows.num_rows - kept.num_rows:
        gone = {"at": now.isoformat(timespec="seconds"), "rows": lost, "what": found.what}
        columns = manifest.get("facts") or _guessed_facts(kept.schema.names)
        counts = {name: counted(kept, columns[fact]) for fact, name in COUNTED.items() if fact in columns}
        manifest |= {"rows": kept.num_rows, **counts, "forgotten": [*manifest.get("forgotten", ()), gone]}
    write_version(catalog, tag, kept, manifest)


def _guessed_facts(names: Sequence[str]) -> dict[str, str]:
    """Of a version that was made before manifests said which column is which."""
    found = {fact: next((n for n in names if n.endswith(f"_{fact}")), None) for fact in COUNTED}
    return {fact: name for fact, name in found.items() if name}
