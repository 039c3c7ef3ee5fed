"""What was deleted for good (storage/versions/forget.py), as hashes and ids, by which it is refused when it comes back."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from storage.ledger.catalog import Catalog
from storage.sources.listing import Listing, Source

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
    kept = []
    for source in listing.sources:
        at = known.get(f"uri:{hashed(source.uri)}") or known.get(f"speaker:{hashed(source.speaker)}")
        if at is None:
            kept.append(source)
        else:
            listing.rejected.append((_nameless(source), CODE, _still_listed(at)))
    listing.sources = kept
    listing.rejected = [
        (_nameless(source), CODE, _still_listed(known[f"uri:{hashed(source.uri)}"]))
        if f"uri:{hashed(source.uri)}" in known
        else (source, code, reason)
        for source, code, reason in listing.rejected
    ]


def _still_listed(at: datetime) -> str:
    return f"it was forgotten on {at:%Y-%m-%d} and is still listed: take it out of the folder or the manifest"


def _nameless(source: Source) -> Source:
    return replace(source, uri=f"forgotten:{hashed(source.uri)[:12]}", speaker="", licence="", consent="")
