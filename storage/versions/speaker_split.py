"""Which split a speaker belongs to: decided by a hash of the name alone.

So a speaker is never in two splits, nobody moves when videos are added, and no list has to be kept.
"""

from collections.abc import Mapping
from hashlib import blake2b


def split_of(speaker: str, shares: Mapping[str, float]) -> str:
    """`shares` maps split to share, in order, summing to 1; the same order must be kept for ever."""
    if not shares or abs(sum(shares.values()) - 1) > 1e-6 or min(shares.values()) < 0:
        raise ValueError(f"split shares must be positive and sum to 1, not {dict(shares)}")
    at = int.from_bytes(blake2b(speaker.encode(), digest_size=8).digest()) / 2**64
    edge = 0.0
    for split, share in shares.items():
        edge += share
        if at < edge:
            return split
    return list(shares)[-1]
