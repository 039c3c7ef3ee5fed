"""Tells what is rounded otherwise from what is something else: what is stored in half precision, and made anew."""

from collections.abc import Sequence

from torch import Tensor

HALF = 2.0**-10
"""Half precision is right to 2^-11 of a number."""
OTHER_DEVICE = 2.0**-5
"""GPUs multiply in fewer bits, and add in another order; another network, or other frames, are far beyond this."""


def distances(kept: Tensor, made: Tensor) -> list[float]:
    """Per row, the largest difference as a share of the number and of how far all numbers deviate."""
    scale = made.abs() + made.std()
    return ((kept - made).abs() / scale).flatten(1).amax(1).tolist()


def farther(ids: Sequence[str], distance_B: Sequence[float], than: float) -> list[str]:
    """The rows that are farther off than that; NaN is."""
    return [one for one, distance in zip(ids, distance_B, strict=True) if not distance <= than]
