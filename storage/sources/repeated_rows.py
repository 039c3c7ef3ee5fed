"""Finds rows of one manifest that name the same file: if they agree one is taken, if they contradict each other none.

This compares whole columns and looks at no file, so a million rows take a moment.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.sources.places import places_of
from storage.sources.rights import CONFLICTING_RIGHTS, CONFLICTING_SPEAKERS, RIGHTS, SPEAKER, differences


class Row(NamedTuple):
    """What a manifest says of one file, in the order of its columns."""

    number: int
    """From 1, the header not counted."""
    uri: str
    size: int | None
    mtime_ns: int | None
    licence: str
    consent: str
    speaker: str
    companion: str | None
    origin: str | None


class Refused(NamedTuple):
    row: Row
    code: str
    reason: str


def repeated_rows(manifest: str, rows: pa.Table) -> list[Refused]:
    """The rows that must not be taken, since others name the same file, each with its code and reason."""
    refused: list[Refused] = []
    for group in _of_one_place(rows):
        refused += _contradictions(manifest, group) or _repetitions(manifest, group)
    return refused


def _of_one_place(rows: pa.Table) -> list[list[Row]]:
    """The rows that lead to one file, for each file that several lead to."""
    places = places_of(rows["uri"]).combine_chunks()
    if pc.all(pc.less(places[:-1], places[1:]), skip_nulls=False).as_py():  # sorted, and so each is another
        return []
    codes = places.dictionary_encode().indices.fill_null(-1).to_numpy()
    named = np.flatnonzero(codes >= 0)
    repeated = named[np.bincount(codes[named])[codes[named]] > 1]
    cells = rows.take(pa.array(repeated))
    groups: dict[int, list[Row]] = {}
    for code, number, *told in zip(
        codes[repeated].tolist(),
        (repeated + 1).tolist(),
        *(c.to_pylist() for c in cells.columns),
        strict=True,
    ):
        groups.setdefault(code, []).append(Row(number, *told))
    return list(groups.values())


def _contradictions(manifest: str, group: list[Row]) -> list[Refused]:
    """All of them or none: rows for one file must say the same of its rights and its speaker."""
    for code, names in ((CONFLICTING_RIGHTS, RIGHTS), (CONFLICTING_SPEAKERS, SPEAKER)):
        other = next((row for row in group if differences(group[0], row, names)), None)
        if other is not None:
            return [
                Refused(
                    row,
                    code,
                    _contradiction(manifest, row, group[0] if differences(row, group[0], names) else other),
                )
                for row in group
            ]
    return []


def _contradiction(manifest: str, row: Row, other: Row) -> str:
    return (
        f"row {row.number} of {manifest} contradicts row {other.number}{_as(row, other)}: "
        f"{differences(row, other, RIGHTS + SPEAKER)}; neither is taken: find out which is true and keep only that row"
    )


def _repetitions(manifest: str, group: list[Row]) -> Iterator[Refused]:
    """All but one of each spelling: an object store may hold `a//b` beside `a/b`, and nothing is at stake.

    One video may be half of several pairs; a row that names no companion then says less than those that do.
    """
    pairs: dict[tuple[str, str | None], list[Row]] = {}
    for row in group:
        pairs.setdefault((row.uri, row.companion), []).append(row)
    for (uri, companion), rows in pairs.items():
        paired = next((row for row in group if row.uri == uri and row.companion), None)
        taken = max(rows, key=_how_new) if companion or paired is None else paired
        for row in rows:
            if row is not taken:
                yield Refused(row, "duplicate", _repetition(manifest, row, taken))


def _how_new(row: Row) -> tuple[bool, int]:
    """A row without a size is looked up and can't be out of date; of the others the newest says how the file is now."""
    return row.size is None or row.mtime_ns is None, row.mtime_ns or 0


def _repetition(manifest: str, row: Row, taken: Row) -> str:
    reason = f"row {row.number} of {manifest} names the same file as row {taken.number}, which is taken"
    if told := differences(row, taken, ("size", "mtime_ns")):
        reason += f", as the one that is up to date: {told}"
    if told := differences(row, taken, ("companion", "origin")):
        reason += f", with what it says of the pair: {told}"
    return reason


def _as(row: Row, other: Row) -> str:
    return f" (as {other.uri})" if other.uri != row.uri else ""
