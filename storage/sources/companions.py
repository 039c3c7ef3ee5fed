"""Adds the other half of a pair to a source, or refuses the source with the reason why it can't be one."""

from storage.addresses import refusal
from storage.sources.listing import Listing, Source, refuse, reject, with_companion
from storage.sources.local_file import add_local
from storage.sources.places import place
from storage.sources.remote_file import add_remote
from storage.store import Store

IMPORTED = "imported"
ORIGINS = ("rendered", IMPORTED)


def add_file(uri: str, licence: str, consent: str, speaker: str, store: Store, listing: Listing) -> None:
    """Makes a source of a file that a manifest names, or refuses it."""
    if why := refusal(uri):
        reject(listing, uri, "bad_address", why)
    elif "://" in uri:
        add_remote(uri, licence, consent, speaker, store, listing)
    else:
        add_local(uri, licence, consent, speaker, listing)


def add_pair(source: Source, companion: str, origin: str | None, store: Store, listing: Listing) -> None:
    """Adds `source` with its companion, whose file is looked at as any source's is."""
    origin = origin or IMPORTED
    if origin not in ORIGINS:
        reason = f"its origin is {origin!r}; say {' or '.join(ORIGINS)}, or leave the cell empty"
        return refuse(listing, source, "bad_origin", reason)
    if place(companion) == place(source.uri):
        reason = (
            "it is named as its own companion; name the file with the other lips, or leave the cell empty"
        )
        return refuse(listing, source, "companion_same", reason)
    found = Listing()
    add_file(companion, "", "", "", store, found)
    for _, code, reason in found.rejected:
        return refuse(listing, source, f"companion_{code}", f"its companion {companion}: {reason}")
    (half,) = found.sources
    listing.sources.append(with_companion(source, half.uri, half.size, half.mtime_ns, origin))
    return None
