"""Gives a source the id of its content, and cuts a long one into parts that are worked on side by side."""

from hashlib import blake2b
from typing import Any, BinaryIO

from storage.media.container import INDEXED, MediaError
from storage.sources import Source, change_since
from storage.store import Store

LONGER = 6
"""Parts of files without an index are so many times longer: there a part costs all that is before it."""


def content_id(file: BinaryIO) -> str:
    """20 hex digits of the bytes' hash, streamed."""
    digest = blake2b(digest_size=10)
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def companion_content(row: Source, store: Store, most: int) -> str | None:
    """The same of the other half that a source was given with; None where there is none."""
    if row.companion is None:
        return None
    assert row.companion_size is not None
    try:
        how = change_since(store, row.companion, row.companion_size, row.companion_mtime_ns or 0)
        if how:
            raise MediaError(
                "companion_changed", f"{row.companion} is not as it was listed ({how}); run again"
            )
        if row.companion_size > most:
            raise MediaError("companion_too_large", f"{row.companion} is above max_bytes {most}")
        with store.open(row.companion) as file:
            return content_id(file)
    except FileNotFoundError:
        raise MediaError("companion_gone", f"{row.companion} is not there any more; list it anew") from None
    except PermissionError:
        raise MediaError("companion_unreadable", f"{row.companion} may not be read; permit it") from None


def pair_id(content: str, companion: str) -> str:
    """A video that is half of a pair is another item for each of its companions, and than the video alone."""
    return blake2b(f"{content} {companion}".encode(), digest_size=10).hexdigest()


def parts_of(content: str, found: dict[str, Any], length: float) -> list[dict[str, Any]]:
    """Parts of a long source, each an item; the whole under its content's id if it is short enough.

    Only formats with an index can be entered in the middle; of the others a part costs all that is before it.
    """
    length *= 1 if found["container"] in INDEXED else LONGER
    count = max(1, round(found["duration_s"] / length))
    if count == 1:
        return [{"id": content, "part": 0, "part_start_s": 0.0, "part_stop_s": None}]
    starts = [round(k * length, 3) for k in range(count)]
    stops = [*starts[1:], None]
    ids = [blake2b(f"{content} {k}".encode(), digest_size=10).hexdigest() for k in range(count)]
    return [
        {"id": ids[k], "part": k, "part_start_s": starts[k], "part_stop_s": stops[k]} for k in range(count)
    ]
