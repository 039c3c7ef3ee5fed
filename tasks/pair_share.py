"""Gives each item a place between 0 and 1 by the hash of its id, by which a share of them is taken.

It is the same ones every time, and with a larger share more of them.
"""

from hashlib import blake2b

BITS = 53
"""As many as a float holds exactly."""


def place(id: str) -> float:
    """Returns where an item stands, above 0 and at most 1: a share of so much or more takes it."""
    number = int.from_bytes(blake2b(f"pair share {id}".encode(), digest_size=8).digest(), "big") >> (
        64 - BITS
    )
    return (number + 1) / 2**BITS
