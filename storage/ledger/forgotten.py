"""What was deleted for good (storage/versions/forget.py), as hashes and ids, by which it is refused when it comes back."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from storage.ledger.catalog import Catalog
from storage.sources.listing import Listing, Rejection, Source

TABLE = "forgotten"
CODE = "forgotten"


@dataclass(frozen=True)
class ForgottenRow:
    key: str
    kind: str
    """item: a row id's item; uri, speaker: `value` is a hash of it, so that the name itself is not kept."""
    value: str
    at: datetime


def remember(catalog: Catalog, said: Sequence[tuple[str, str]], at: datetime) -> None:
    catalog.insert(
        TABLE, ForgottenRow, [ForgottenRow(f"{kind}:{value}", kind, value, at) for kind, value in said]
    )


def hashed(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def forgotten(catalog: Catalog) -> dict[str, datetime]:
    """`kind:value` -> when it was forgotten."""
    return {row["key"]: row["at"] for row in catalog.read(TABLE)}


def forgotten_items(catalog: Catalog) -> dict[str, str]:
    """Item -> the reason why its rows are refused."""
    return {
        key.removeprefix("item:"): f"it was forgotten on {at:%Y-%m-%d}, and is not to come back"
        for key, at in forgotten(catalog).items()
        if key.startswith("item:")
    }


def refuse_forgotten(catalog: Catalog, listing: Listing) -> None:
    """Files and people that were forgotten and are still listed: refused, without writing their names down again."""
    known = forgotten(catalog)
    if not known:
        return
    forbidden = {}
    for source in (*listing.sources, *(refused[0] for refused in listing.rejected)):
        files = [f"uri:{hashed(uri)}" for uri in (source.uri, source.companion) if uri]
        at = next(filter(None, map(known.get, [*files, f"speaker:{hashed(source.speaker)}"])), None)
        if at is not None:
            forbidden[source.uri] = at
    refused = [(source, "", "") for source in listing.sources if source.uri in forbidden]
    listing.sources = [source for source in listing.sources if source.uri not in forbidden]
    listing.rejected = [_without_names(one, forbidden) for one in (*listing.rejected, *refused)]


def _without_names(refusal: Rejection, forbidden: Mapping[str, datetime]) -> Rejection:
    """A copy of a forgotten file is refused for being one: that reason names the other."""
    source, code, reason = refusal
    if source.uri in forbidden:
        return _nameless(source), CODE, _still_listed(forbidden[source.uri])
    for uri in forbidden:
        reason = reason.replace(uri, "a file that was forgotten")
    return source, code, reason


def _still_listed(at: datetime) -> str:
    return f"it was forgotten on {at:%Y-%m-%d} and is still listed: take it out of the folder or the manifest"


def _nameless(source: Source) -> Source:
    name = f"forgotten:{hashed(source.uri)[:12]}"
    return replace(source, uri=name, speaker="", licence="", consent="", companion=None, origin=None)
