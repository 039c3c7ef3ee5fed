"""Finds what a catalog holds of a person or a source, and of all that was made from it. Only looks.

found = find_speaker(catalog, "Kim", {"speakers": "speaker"})
found = find_source(catalog, "/videos/kim.mp4")
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.forgotten import forgotten, forgotten_items, hashed
from storage.ledger.lance_files import open_table
from storage.ledger.newest import stage_order
from storage.ledger.node import SOURCES
from storage.versions.descent import (
    any_of,
    columns_of,
    items_above,
    items_below,
    naming_columns,
    rows_where,
)
from storage.versions.version import load_version, tags

TOLD = 8
"""Names that an error lists at most."""


@dataclass(frozen=True)
class Found:
    """What is to be forgotten."""

    what: str
    """speaker or source."""
    name: str
    uris: tuple[str, ...]
    """Sources that go as a whole, and the other halves that were given with them."""
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


def find_source(catalog: Catalog, uri: str) -> Found:
    """By its whole uri, or by an end of it that fits one source alone."""
    rows = _ending(catalog, uri)
    begun = _begun(catalog, "uri", uri)
    if begun and not rows:
        return _found(catalog, "source", uri, (uri,), (), begun)
    exact = [row for row in rows if uri in (row["uri"], row["companion"])]
    uris = sorted({row["uri"] for row in exact or rows})
    if len(uris) != 1:
        listed = f"{len(uris)} end so: {', '.join(uris[:TOLD])}" if uris else "none ends so"
        raise StorageError(
            f"--source must name one source of {catalog.root}, and {listed}; give the whole uri"
        )
    ids = {row["item_id"] for row in rows if row["uri"] == uris[0]}
    return _found(catalog, "source", uris[0], uris, (), ids | _begun(catalog, "uri", uris[0]))


def _ending(catalog: Catalog, uri: str) -> list[dict[str, Any]]:
    """Sources whose uri ends so, or that of the other half that was given with them."""
    quoted = uri.replace("'", "''")
    where = [f"ends_with({column}, '{quoted}')" for column in ("uri", *_paired(catalog))]
    rows = rows_where(catalog, SOURCES.name, " OR ".join(where), ["item_id", "uri", *_paired(catalog)])
    return [{"companion": None} | row for row in rows]


def _paired(catalog: Catalog) -> list[str]:
    """A catalog from before there were given pairs lacks the column."""
    return [name for name in columns_of(catalog, SOURCES.name) if name == "companion"]


def _begun(catalog: Catalog, kind: str, name: str) -> set[str]:
    """Items that are to be gone already, where an earlier call for the same name was killed half-way."""
    return set(forgotten_items(catalog)) if f"{kind}:{hashed(name)}" in forgotten(catalog) else set()


def find_speaker(catalog: Catalog, name: str, said_by: Mapping[str, str]) -> Found:
    """`said_by`: stage -> its column that says who is seen. A manifest's name counts as well.

    Clips of these sources that nobody was named for (they were rejected before) go as well: they may show this person.
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


def _sources_of(catalog: Catalog, stages: list[str], items: set[str]) -> set[str]:
    above = items_above(catalog, stages, items)
    return {r["item_id"] for r in rows_where(catalog, SOURCES.name, any_of("item_id", above), ["item_id"])}


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
    items = items_below(catalog, stages, ids | _copies_of(catalog, uris))
    rows = {stage: set(items) for stage in stages}
    _add_made_from(catalog, stages, rows, items)
    counts = {stage: _count(catalog, stage, rows[stage]) for stage in stages}
    uris = sorted({*uris, *_halves_of(catalog, uris)})
    held = {tag: load_version(catalog, tag)[1].count_rows(members_of(rows)) for tag in tags(catalog)}
    return Found(
        what, name, tuple(uris), tuple(shared), frozenset(items),
        {stage: frozenset(ids) for stage, ids in rows.items()},
        {stage: n for stage, n in counts.items() if n}, {tag: n for tag, n in held.items() if n},
    )  # fmt: skip


def _halves_of(catalog: Catalog, uris: Sequence[str]) -> set[str]:
    if not _paired(catalog):
        return set()
    quoted = {uri.replace("'", "''") for uri in uris}
    rows = rows_where(catalog, SOURCES.name, any_of("uri", quoted), ["companion"])
    return {row["companion"] for row in rows} - {None}


def _copies_of(catalog: Catalog, uris: Sequence[str]) -> set[str]:
    """Sources that were refused for being copies of these: the reason names the other file."""
    found = set[str]()
    for uri in uris:
        quoted = uri.replace("'", "''")
        found |= {
            r["item_id"]
            for r in rows_where(catalog, SOURCES.name, f"contains(reason, '{quoted}')", ["item_id"])
        }
    return found


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


def members_of(rows: Mapping[str, Iterable[str]]) -> str:
    return any_of("item_id", set().union(*rows.values()))


def rows_of(ids: Iterable[str]) -> str:
    return f"{any_of('item_id', ids)} OR {any_of('parent_id', ids)}"


def _count(catalog: Catalog, stage: str, ids: set[str]) -> int:
    dataset = open_table(catalog, stage)
    return 0 if dataset is None else dataset.count_rows(rows_of(ids))
