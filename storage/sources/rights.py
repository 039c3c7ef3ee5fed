"""Decides whether a source has rights: a licence and a consent, in whatever words, but in words.

Texts that say nothing ("NaN", "-", "unknown") count as not given. Where two statements about one file, or
about one content, contradict each other, nobody but the person who wrote them knows which is true.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage.sources.listing import Listing, Source, SourceError, refuse

CONFLICTING_RIGHTS, CONFLICTING_SPEAKERS = "conflicting_rights", "conflicting_speakers"
RIGHTS, SPEAKER = ("licence", "consent"), ("speaker",)
"""Fields that such a conflict is about."""

EMPTY_CELLS = ("nan", "none", "null", "nil", "n[ ./]*a", "undefined", "unknown")
"""How programs write that there is nothing."""
SAYS_NOTHING = (
    *EMPTY_CELLS,
    *("tbd", "tba", "todo", "to be determined", "not given", "missing"),  # a blank, filled in later
    *("no", "false", "0", "unlicen[sc]ed", "no consent", "no licen[sc]e"),  # an answer, but a refusal
)
"""Expressions for whole texts, whatever their case and whatever marks are around them ("<NA>", "(none)", "TBD.").

"Unlicense" is a licence, and so is every sentence: only what is plainly no value is here."""
_MARKS = r"[^\p{L}\p{N}]*"
_NOTHING, _NOBODY = (f"(?i)^{_MARKS}(?:{'|'.join(texts)})?{_MARKS}$" for texts in (SAYS_NOTHING, EMPTY_CELLS))

ADVICE = (
    "columns `licence` and `consent` in a manifest, or --licence TEXT --consent TEXT for those without "
    "(a text like NaN, none, unknown or - counts as not given)"
)
EXAMPLES = {"licence": "CC-BY-4.0", "consent": '"contract 2026-03"'}


def given_column(column: Any) -> Any:
    """The texts without spaces around them; '' where there is none, or one that says nothing."""
    return _without(column, _NOTHING)


def named_column(column: Any) -> Any:
    """Speakers' names; '' for an empty cell, however it is written: else all who have none were one person."""
    return _without(column, _NOBODY)


def _without(column: Any, nothing: str) -> Any:
    trimmed = pc.utf8_trim_whitespace(pc.fill_null(column, ""))
    return pc.if_else(pc.match_substring_regex(trimmed, nothing), "", trimmed)


def given(text: str) -> str:
    """One text as `given_column` reads it."""
    return given_column(pa.array([text], pa.string()))[0].as_py()


def given_option(name: str, text: str) -> str:
    """What --licence or --consent says of every source without its own; a text that says nothing is refused."""
    said = given(text)
    if text and not said:
        raise SourceError(
            f"--{name} {text!r} says nothing: give words that do, like --{name} {EXAMPLES[name]}, or leave it out "
            "where a manifest has the column"
        )
    return said


def check_rights(listing: Listing) -> None:
    """Nothing enters a dataset of faces unless somebody said that it may, in whatever words."""
    bare = [source for source in listing.sources if not (source.licence and source.consent)]
    if not bare:
        return
    if len(bare) == len(listing.sources):
        raise SourceError(f"none of the {len(bare)} sources says its licence and its consent: give {ADVICE}")
    for source in bare:
        lacking = "licence" if not source.licence else "consent"
        refuse(listing, source, f"no_{lacking}", f"its {lacking} is not given: use {ADVICE}")
    refused = {source.id for source in bare}
    listing.sources = [source for source in listing.sources if source.id not in refused]


def rights_of(source: Source) -> tuple[str, str]:
    """Licence and consent: what has to be the same wherever the same file is named."""
    return source.licence, source.consent


def differences(one: object, other: object, names: tuple[str, ...]) -> str:
    """In which of these fields two sources or rows differ, and what each says: `licence 'CC0' here, none there`."""
    pairs = [(name, getattr(one, name), getattr(other, name)) for name in names]
    return "; ".join(
        f"{name} {_shown(here)} here, {_shown(there)} there" for name, here, there in pairs if here != there
    )


def _shown(value: Any) -> str:
    return "none" if value in ("", None) else repr(value)
