"""Defines what a listing is made of: sources, and the files that were refused, each with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ACCEPTED = "a folder, a file, a glob, an object-store prefix, or a .csv/.parquet manifest with a `uri` column"


class SourceError(ValueError):
    """The whole listing is impossible: nothing is there, or a manifest or an option cannot be understood."""


@dataclass(slots=True)
class Source:
    """One video that somebody gave us, and what they said of it; its fields are columns of the catalog.

    Not frozen: a manifest makes a million of them, and freezing costs seconds.
    """

    id: str
    uri: str
    size: int
    mtime_ns: int
    licence: str
    consent: str
    speaker: str
    companion: str | None = None
    """The other half of a pair made elsewhere: the same picture with other lips, and the sound that these speak."""
    companion_size: int | None = None
    companion_mtime_ns: int | None = None
    origin: str | None = None
    """How that half was made: rendered or imported."""


Rejection = tuple[Source, str, str]
"""A source that is not to be processed, a code for counting, and a reason for a person."""


@dataclass
class Listing:
    """What a spec names: `sources` to be processed, and `rejected` ones."""

    sources: list[Source] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)


def make_source(uri: str, size: int, mtime_ns: int, licence: str, consent: str, speaker: str) -> Source:
    """A source with its id: a hash of all that is said here, so a file that changes is another source."""
    key = "\0".join([uri, str(size), str(mtime_ns), licence, consent, speaker]).encode()
    return Source(_id(key), uri, size, mtime_ns, licence, consent, speaker)


def with_companion(source: Source, companion: str, size: int, mtime_ns: int, origin: str) -> Source:
    """The same source as one half of a pair: another id, which follows from the other half too."""
    key = "\0".join([source.id, companion, str(size), str(mtime_ns), origin]).encode()
    return replace(
        source,
        id=_id(key),
        companion=companion,
        companion_size=size,
        companion_mtime_ns=mtime_ns,
        origin=origin,
    )


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


def nothing_at(spec: str) -> SourceError:
    """The error to raise where a spec names nothing at all."""
    return SourceError(f"nothing at {spec}: give {ACCEPTED}")


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
