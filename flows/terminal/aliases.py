"""`redub versions` and `redub alias`: prints the versions of a catalog and what names them, and moves such a name."""

import getpass
import socket
from dataclasses import asdict

from flows.terminal.console import console, number, print_json, table_of_columns, when
from flows.terminal.plain_text import escape
from storage.errors import StorageError
from storage.ledger.catalog import existing_catalog
from storage.overview import VersionLine, version_lines
from storage.versions.aliases import aliases, move, moves, previous
from storage.versions.version import tag_named


def print_versions(root: str, as_json: bool) -> None:
    catalog = existing_catalog(root)
    lines = version_lines(catalog)
    print_json(lines) if as_json else show_version_lines(lines)


def show_version_lines(lines: tuple[VersionLine, ...]) -> None:
    if not lines:
        console.print("No version published yet.")
        return
    named = any(one.aliases for one in lines)
    columns = [("version", "left"), *([("alias", "left")] * named), ("rows", "right"), ("splits", "left")]
    table = table_of_columns(*columns, ("made", "left"), ("commit", "left"))
    for one in lines:
        splits = ", ".join(f"{k} {v}" for k, v in sorted(one.splits.items()))
        words = [one.version, *([", ".join(one.aliases)] * named), number(one.rows), splits]
        table.add_row(*words, one.created[:19].replace("T", " "), one.git_commit)
    console.print(table)
    for one in lines:
        for told in (one.anyway, one.ungated):
            if told:
                console.print(f"{one.version}: {escape(told)}")
        if one.forgotten:
            console.print(f"{one.version} had {number(one.forgotten)} rows more, which were forgotten since.")


def move_alias(root: str, name: str, version: str, back: bool, note: str, as_json: bool) -> None:
    """Without a version and not back, the name is taken away."""
    catalog = existing_catalog(root)
    before = aliases(catalog).get(name, "")
    tag = previous(catalog, name) if back else tag_named(catalog, version) if version else ""
    move(catalog, name, tag, _who(), note)
    if as_json:
        print_json({"alias": name, "version": tag, "before": before})
    elif tag == before:
        console.print(f"{name} names {tag} already.")
    else:
        was = f", and named {before} before" if before else ""
        console.print(f"{name} names {tag}{was}." if tag else f"{name} names nothing any more{was}.")


def _who() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a container may run as a user without a name
        return socket.gethostname()


def print_moves(root: str, name: str, as_json: bool) -> None:
    """The newest first; of one name, or of all."""
    catalog = existing_catalog(root)
    standing, made = aliases(catalog), list(reversed(moves(catalog, name)))
    if name and not made:
        known = f"there are {', '.join(standing)}" if standing else "there is none"
        raise StorageError(f"{catalog.root} never had an alias {name!r}; {known}")
    if as_json:
        rows = [{k: v for k, v in asdict(row).items() if k != "key"} for row in made]
        print_json({"aliases": {k: v for k, v in standing.items() if name in ("", k)}, "moves": rows})
        return
    if not made:
        console.print("No alias yet: `redub alias prod v3` gives a version one.")
        return
    table = table_of_columns(*((one, "left") for one in ("alias", "version", "moved", "by", "note")))
    for row in made:
        table.add_row(row.name, row.version or "none", when(row.at), escape(row.by), escape(row.note))
    console.print(table)
