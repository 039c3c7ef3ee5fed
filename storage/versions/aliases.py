"""Names of a team's own for versions: `prod` is v3 today. Each move is a row, so that the way back is known.

    move(catalog, "prod", "v3", by="ana@node1", note="passed the gates")
    aliases(catalog)            # {"prod": "v3"}
    previous(catalog, "prod")   # "v2", where it was before

A version that an alias names is not given up by `redub gc`.
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from storage.errors import StorageError
from storage.ledger.catalog import Catalog

TABLE = "aliases"
NAME = re.compile(r"[a-z][a-z0-9._-]{0,63}")
NUMBERED = re.compile(r"v\d+")


@dataclass(frozen=True)
class AliasRow:
    """One move of one name."""

    key: str
    name: str
    version: str
    """Empty: the name was taken away."""
    at: datetime
    by: str
    note: str


def moves(catalog: Catalog, name: str = "") -> list[AliasRow]:
    """All moves, oldest first, or those of one name."""
    rows = [AliasRow(**row) for row in catalog.read(TABLE)]
    return [row for row in rows if name in ("", row.name)]


def aliases(catalog: Catalog) -> dict[str, str]:
    """Name -> version, as they stand."""
    standing = {row.name: row.version for row in moves(catalog)}
    return {name: version for name, version in sorted(standing.items()) if version}


def names_of(standing: Mapping[str, str], tag: str) -> tuple[str, ...]:
    """The aliases that name a version."""
    return tuple(name for name, version in standing.items() if version == tag)


def move(catalog: Catalog, name: str, tag: str, by: str = "", note: str = "") -> None:
    """`tag`: a published version; empty takes the name away. What is so already writes nothing."""
    check_alias(name)
    standing = aliases(catalog).get(name, "")
    if not tag and not standing:
        raise StorageError(
            f"there is no alias {name!r} in {catalog.root}; `redub alias` lists those there are"
        )
    if tag != standing:
        row = AliasRow(uuid.uuid4().hex, name, tag, datetime.now(UTC), by, note)
        catalog.insert(TABLE, AliasRow, [row])


def check_alias(name: str) -> None:
    """Refuses what could be taken for a version or a date."""
    if not NAME.fullmatch(name) or NUMBERED.fullmatch(name):
        raise StorageError(
            f"{name!r} can't be an alias: it begins with a small letter, goes on with small letters, digits, dots, "
            "dashes and underscores, and is no number of a version as v3"
        )


def previous(catalog: Catalog, name: str) -> str:
    """The version that it named before the present one."""
    before = [row.version for row in moves(catalog, name)]
    standing = before[-1] if before else ""
    others = [version for version in before if version not in ("", standing)]
    if not standing or not others:
        have = f"it has always named {standing}" if standing else "it names nothing"
        raise StorageError(f"alias {name!r} can't go back: {have}; `redub alias {name} VERSION` moves it")
    return others[-1]
