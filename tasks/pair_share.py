"""Takes a share of items by the hashes of their ids: the same ones every time, and with a larger share more of them."""

from hashlib import blake2b

BITS = 64


def taken(id: str, share: float) -> bool:
    """Whether this one belongs to the share, 0 for none and 1 for all; others that come or go change nothing."""
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"a share is a number from 0 to 1, not {share}")
    place = int.from_bytes(blake2b(f"pair share {id}".encode(), digest_size=BITS // 8).digest(), "big")
    return place < round(share * 2**BITS)
