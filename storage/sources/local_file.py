"""Makes a source of one file on a local disk, or refuses it with the reason why it can't be one."""

import os
from stat import S_ISDIR, S_ISREG

from storage.sources.listing import Listing, make_source, refuse, reject


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
        refuse(listing, source, "not_regular", _what_it_is(status.st_mode))
    elif not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        refuse(listing, source, "unreadable", "permission denied; make the file readable")
    else:
        listing.sources.append(source)
    return None


def _what_it_is(mode: int) -> str:
    if S_ISDIR(mode):
        return "a folder: name its files, or give the folder itself as --source"
    return "not a regular file but a pipe, socket or device"


def _reject_unseen(path: str, error: OSError, listing: Listing) -> None:
    if os.path.islink(path):
        reject(listing, path, "broken_link", f"a link to {os.readlink(path)}, which leads nowhere")
    elif isinstance(error, FileNotFoundError):
        reject(listing, path, "missing", "there is no such file any more; is the manifest up to date?")
    else:
        reject(listing, path, "unreadable", f"cannot be looked at: {error.strerror}")
