"""What a listing is made of: sources, and the files that were refused, each with its reason."""

import os
from dataclasses import dataclass, field
from hashlib import blake2b
from stat import S_ISREG


class SourceError(ValueError):
    """The whole listing is impossible: nothing there, or a manifest that cannot be read."""


@dataclass(frozen=True)
class Source:
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
    """Bypasses the frozen __init__, which alone would take seconds for a million rows."""
    key = f"{uri}\0{size}\0{mtime_ns}\0{licence}\0{consent}\0{speaker}".encode()
    source = object.__new__(Source)
    source.__dict__.update(
        id=blake2b(key, digest_size=10).hexdigest(),
        uri=uri,
        size=size,
        mtime_ns=mtime_ns,
        licence=licence,
        consent=consent,
        speaker=speaker,
    )
    return source


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
        listing.rejected.append((source, "not_regular", "not a regular file but a pipe, socket or device"))
    elif not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        listing.rejected.append((source, "unreadable", "permission denied; make the file readable"))
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
    listing.rejected.append((make_source(uri, 0, 0, "", "", ""), code, reason))
