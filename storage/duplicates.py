"""Finds files of equal content while reading as little as possible.

Only files of equal size can be equal; of those, both ends are compared first and the whole only if the
ends agree. A file that cannot be opened is kept: the probe says what is wrong with it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from hashlib import blake2b
from itertools import compress, islice
from operator import attrgetter, eq

import numpy as np

from storage.listing import Listing, Source
from storage.store import Store

END_BYTES = 1 << 16


def reject_repeats(listing: Listing) -> None:
    """A uri that was listed before; `sources` is sorted by uri, what was listed first comes first."""
    uris = list(map(attrgetter("uri"), listing.sources))
    same = map(eq, uris, islice(uris, 1, None))
    repeats = set(compress(range(1, len(uris)), same))
    for i in sorted(repeats):
        listing.rejected.append((listing.sources[i], "duplicate", "it is listed more than once"))
    if repeats:
        listing.sources = [source for i, source in enumerate(listing.sources) if i not in repeats]


def reject_duplicates(listing: Listing, store: Store) -> None:
    """Moves every source whose content an earlier one (by uri) has from `sources` to `rejected`."""
    original: dict[str, Source] = {}
    for group in _same_size(listing.sources):
        for alike in _grouped(group, lambda source: _ends(source, store)):
            for same in _grouped(alike, lambda source: content_hash(source.uri, store)):
                original |= {copy.id: same[0] for copy in same[1:]}
    for source in listing.sources if original else ():
        if source.id in original:
            reason = f"same content as {original[source.id].uri}"
            listing.rejected.append((source, "duplicate", reason))
    if original:
        listing.sources = [source for source in listing.sources if source.id not in original]


def _same_size(sources: list[Source]) -> Iterable[list[Source]]:
    """Groups of two and more. Empty files aren't copies of each other: each is broken for itself."""
    sizes = np.fromiter(map(attrgetter("size"), sources), np.int64, len(sources))
    order = np.argsort(sizes, kind="stable")
    twice = np.diff(sizes[order]) == 0
    shared = order[np.append(twice, False) | np.append(False, twice)] if len(order) else order
    groups: dict[int, list[Source]] = defaultdict(list)
    for i in sorted(shared.tolist()):
        if sizes[i] > 0:
            groups[sources[i].size].append(sources[i])
    return groups.values()


def _grouped(sources: list[Source], key: Callable[[Source], bytes]) -> list[list[Source]]:
    groups: dict[bytes, list[Source]] = defaultdict(list)
    for source in sources:
        try:
            groups[key(source)].append(source)
        except OSError:
            continue
    return [group for group in groups.values() if len(group) > 1]


def _ends(source: Source, store: Store) -> bytes:
    with _open(source.uri, store) as file:
        digest = blake2b(file.read(END_BYTES))
        if source.size > 2 * END_BYTES:
            file.seek(source.size - END_BYTES)
        digest.update(file.read(END_BYTES))
    return digest.digest()


def content_hash(uri: str, store: Store) -> bytes:
    digest = blake2b()
    with _open(uri, store) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.digest()


def _open(uri: str, store: Store):  # type: ignore[no-untyped-def]
    """Local files directly: fsspec would cost more than the read where many names don't exist."""
    return store.open(uri) if "://" in uri else open(uri, "rb", buffering=0)
