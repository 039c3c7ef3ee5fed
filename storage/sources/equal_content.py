"""Finds files of equal content while reading as little as possible.

Only files of equal size can be equal; of those, both ends are compared first and the whole only if the
ends agree. A file that cannot be opened is kept: the probe says what is wrong with it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from hashlib import blake2b
from operator import attrgetter

import numpy as np

from storage.sources.listing import Listing, Source, refuse
from storage.sources.rights import (
    CONFLICTING_RIGHTS,
    CONFLICTING_SPEAKERS,
    RIGHTS,
    SPEAKER,
    differences,
    rights_of,
)
from storage.store import Store

END_BYTES = 1 << 16
CONFLICTS = (CONFLICTING_RIGHTS, CONFLICTING_SPEAKERS)


def reject_duplicates(listing: Listing, store: Store) -> None:
    """Of files with equal content, one stays in `sources`; none does where what is said of them differs."""
    disputed = [(s, code) for s, code, _ in listing.rejected if code in CONFLICTS]
    codes = {source.id: code for source, code in disputed}
    refused: dict[str, tuple[str, str]] = {}
    for group in _same_size(listing.sources + [source for source, _ in disputed]):
        for alike in _grouped(group, lambda source: _ends(source, store)):
            for same in _grouped(alike, lambda source: content_hash(source.uri, store)):
                refused |= _refusals(same, codes)
    for source in listing.sources if refused else ():
        if source.id in refused:
            refuse(listing, source, *refused[source.id])
    if refused:
        listing.sources = [source for source in listing.sources if source.id not in refused]


def _refusals(same: list[Source], disputed: dict[str, str]) -> dict[str, tuple[str, str]]:
    """By id, code and reason of all that must not be processed; `disputed` are refused already, by id and code."""
    for one in same:
        if one.id in disputed:
            told = f"the same content as {one.uri}, whose rows in the manifest contradict each other"
            return {s.id: (disputed[one.id], f"{told}: none is taken until they agree") for s in same}
    # A copy of which nothing is said, as one that no manifest names, contradicts nobody.
    with_rights = [s for s in same if any(rights_of(s))]
    if len(set(map(rights_of, with_rights))) > 1:
        return {s.id: (CONFLICTING_RIGHTS, _contradiction(s, with_rights, "rights", RIGHTS)) for s in same}
    with_speaker = [s for s in same if s.speaker]
    if len({s.speaker for s in with_speaker}) > 1:
        return {s.id: (CONFLICTING_SPEAKERS, _contradiction(s, with_speaker, "names", SPEAKER)) for s in same}
    kept = _kept(same)
    return {s.id: ("duplicate", f"same content as {_other(s, kept).uri}") for s in same if s not in kept}


def _kept(same: list[Source]) -> list[Source]:
    """Of each pair that it is half of, or else of all, the first of those of which most is said."""
    pairs: dict[str | None, list[Source]] = defaultdict(list)
    for source in [s for s in same if s.companion] or same:
        pairs[source.companion].append(source)
    return [
        max(alike, key=lambda s: (sum(map(bool, rights_of(s))), bool(s.speaker))) for alike in pairs.values()
    ]


def _other(source: Source, kept: list[Source]) -> Source:
    return next((one for one in kept if one.companion == source.companion), kept[0])


def _contradiction(mine: Source, others: list[Source], what: str, names: tuple[str, ...]) -> str:
    other, told = next((o, told) for o in others if (told := differences(mine, o, names)))
    return (
        f"the same content as {other.uri} with other {what}: {told}; neither is taken: find out which is true, then say "
        "the same of both or take one away"
    )


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
