"""Gives a source the id of its content, and cuts a long one into parts that are worked on side by side."""

from hashlib import blake2b
from typing import Any, BinaryIO

from storage.media.container import INDEXED

LONGER = 6
"""Parts of files without an index are so many times longer: there a part costs all that is before it."""


def content_id(file: BinaryIO) -> str:
    """20 hex digits of the bytes' hash, streamed."""
    digest = blake2b(digest_size=10)
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


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
