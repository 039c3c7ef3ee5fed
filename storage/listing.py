"""What a listing is made of: sources, and the files that were refused, each with its reason."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from stat import S_ISREG

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.store import Store


class SourceError(ValueError):
    """The whole listing is impossible: nothing there, or a manifest that cannot be read."""


@dataclass(slots=True)
class Source:
    """Not frozen: a manifest makes a million of them, and freezing costs seconds."""

    id: str
    uri: str
    size: int
    mtime_ns: int
    licence: str
    consent: str
    speaker: str


Rejection = tuple[Source, str, str]


@dataclass
class Listing:
    sources: list[Source] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)


def make_source(uri: str, size: int, mtime_ns: int, licence: str, consent: str, speaker: str) -> Source:
    key = "\0".join([uri, str(size), str(mtime_ns), licence, consent, speaker]).encode()
    return Source(_id(key), uri, size, mtime_ns, licence, consent, speaker)


def make_sources(columns: Sequence[pa.ChunkedArray]) -> list[Source]:
    """`make_source` for whole columns, in its order of arguments; the last three are dictionary-encoded."""
    texts = [c if pa.types.is_string(c.type) else pc.cast(c, pa.string()) for c in columns]
    keys = pc.cast(pc.binary_join_element_wise(*texts, "\0"), pa.binary())
    ids = [blake2b(key, digest_size=10).hexdigest() for key in keys.to_pylist()]
    uris, sizes, times = (column.to_pylist() for column in columns[:3])
    return list(map(Source, ids, uris, sizes, times, *map(_shared, columns[3:])))


def _shared(column: pa.ChunkedArray) -> list[str]:
    """A list in which equal texts are one object: a million copies of "CC0" take time and memory."""
    encoded = column.combine_chunks()
    values = np.array(encoded.dictionary.to_pylist(), dtype=object)
    return values[encoded.indices.to_numpy(zero_copy_only=False)].tolist()


def _id(key: bytes) -> str:
    return blake2b(key, digest_size=10).hexdigest()


def change_since(store: Store, uri: str, size: int, mtime_ns: int) -> str:
    """What is different about a file since it was listed; '' when nothing is.

    Some file systems report times as floats, so a microsecond is no difference; 0 means unknown.
    """
    size_now, mtime_now = store.stat(uri)
    if size_now != size:
        return f"{size} bytes when it was listed, {size_now} now"
    return "it was written again" if mtime_ns and abs(mtime_now - mtime_ns) > 1000 else ""


def add_local(path: str, licence: str, consent: str, speaker: str, listing: Listing) -> None:
    """Looks at one file without opening it, because opening a pipe would wait for ever."""
    try:
        path.encode()
        status = os.stat(path)
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        return reject(listing, shown, "bad_name", "the name is not valid UTF-8; rename the file")
    except OSError as error:
        return _reject_unseen(path, error, listing)
    source = make_source(path, status.st_size, status.st_mtime_ns, licence, consent, speaker)
    if not S_ISREG(status.st_mode):
        refuse(listing, source, "not_regular", "not a regular file but a pipe, socket or device")
    elif not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        refuse(listing, source, "unreadable", "permission denied; make the file readable")
    else:
        listing.sources.append(source)
    return None


def _reject_unseen(path: str, error: OSError, listing: Listing) -> None:
    if os.path.islink(path):
        reject(listing, path, "broken_link", f"a link to {os.readlink(path)}, which leads nowhere")
    elif isinstance(error, FileNotFoundError):
        reject(listing, path, "missing", "there is no such file any more; is the manifest up to date?")
    else:
        reject(listing, path, "unreadable", f"cannot be looked at: {error.strerror}")


def reject(listing: Listing, uri: str, code: str, reason: str) -> None:
    """Refuses what could not even be looked at."""
    refuse(listing, make_source(uri, 0, 0, "", "", ""), code, reason)


def refuse(listing: Listing, source: Source, code: str, reason: str) -> None:
    """Adds a source to the rejected ones, under an id of its own.

    The ledger keeps the first row of an id for ever. With the id of the accepted source, a refusal would go on when
    its cause is gone, and a source that was accepted once could not be refused any more.
    """
    own = replace(source, id=_id("\0".join([source.id, code, reason]).encode()))
    listing.rejected.append((own, code, reason))
