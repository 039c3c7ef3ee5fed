"""Makes a source of one object in a store, or refuses it with the reason why it can't be one."""

from storage.addresses import told_plainly
from storage.errors import StorageError
from storage.sources.listing import Listing, make_source, reject
from storage.store import Store


def add_remote(uri: str, licence: str, consent: str, speaker: str, store: Store, listing: Listing) -> None:
    """Asks the store for the object's size and time."""
    try:
        with told_plainly(uri):
            size, mtime_ns = store.stat(uri)
    except FileNotFoundError:
        return reject(listing, uri, "missing", "there is no such object; is the manifest up to date?")
    except (StorageError, OSError, ValueError) as error:
        return reject(listing, uri, "unreadable", str(error))
    listing.sources.append(make_source(uri, size, mtime_ns, licence, consent, speaker))
    return None
