"""Checks the columns of a manifest: which are known, and which were meant to be but are spelled otherwise.

A column `license` that is ignored loses the rights of every source, so a name that is nearly a known one is
refused. What is plainly something else (`notes`, `duration`) is nobody's business here.
"""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches

from storage.sources.listing import SourceError

TEXTS = ("uri", "licence", "consent", "speaker", "companion", "origin")
NUMBERS = ("size", "mtime_ns")
KNOWN = TEXTS + NUMBERS

SPELLINGS = {"license": "licence", **{name.replace("_", ""): name for name in KNOWN}}
"""Known columns without their marks. A name that is close to one of these was meant to be it."""
CLOSE = 0.85
"""difflib's ratio: one letter more, less or other in a word of seven; `speaker_age` and `licence_url` are farther."""
SYNONYMS = {"rights": "licence", "permission": "consent", "speakerid": "speaker", "mtime": "mtime_ns"}
"""Other words for them, of which nothing but the word itself is meant: `time` is not nearly `mtime`."""
OTHER_WORDS = {"content", "original"}
"""Close to a known column, and yet another word."""


def check_header(path: str, names: Sequence[str]) -> None:
    """Raises where a column is there twice, is nearly a known one, or where `uri` is missing."""
    twice = [name for name, count in Counter(names).items() if count > 1 and name.strip()]
    if twice:
        raise SourceError(f"{path}: column {_listed(twice)} is there twice: remove one of each")
    odd = {name: meant for name in names if name not in KNOWN and (meant := _meant(name))}
    if odd:
        renames = ", ".join(f"rename {name!r} to `{meant}`" for name, meant in odd.items())
        raise SourceError(
            f"{path}: {_listed(odd)} would be ignored, since no column is called exactly that: {renames}; or, if it holds "
            "something else, give it a name that is less like it"
        )
    if "uri" not in names:
        raise SourceError(f"{path} has no `uri` column but {', '.join(names) or 'nothing'}")


def _meant(name: str) -> str | None:
    """The known column that somebody who wrote this name had in mind, if any."""
    bare = re.sub(r"[\W_]", "", name.casefold())
    if bare in SYNONYMS:
        return SYNONYMS[bare]
    close = get_close_matches(bare, SPELLINGS, n=1, cutoff=CLOSE) if bare not in OTHER_WORDS else []
    return SPELLINGS[close[0]] if close else None


def _listed(names: Sequence[str] | dict[str, str]) -> str:
    return ", ".join(repr(name) for name in names)
