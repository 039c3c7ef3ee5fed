"""What a check found: one sentence, how bad it is, and the rows that it is about."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

SHOWN = 4
"""Ids in a sentence; all are in the finding."""


@dataclass(frozen=True)
class Finding:
    level: Literal["refuse", "warn", "ok"]
    what: str
    """A sentence; of one that refuses, with the remedy."""
    ids: list[str] = field(default_factory=list)


def ok(what: str) -> Finding:
    return Finding("ok", what)


def warn(what: str, ids: Sequence[str] = ()) -> Finding:
    return Finding("warn", what, list(ids))


def refuse(what: str, ids: Sequence[str] = ()) -> Finding:
    return Finding("refuse", what, list(ids))


def first_of(names: Sequence[str]) -> str:
    """The first names in words, and that there are more."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
