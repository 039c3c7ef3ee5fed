"""Says what this machine is too small for."""

import torch

from models.weights.references import resolve

LARGE = 300_000_000
"""Parameters, or bytes of other networks, from which a machine without a GPU would be at it for minutes."""


def too_large(reference: str) -> bool:
    """Whether a network's weights are, without a GPU."""
    return not torch.cuda.is_available() and _bytes(reference) > LARGE


def device() -> str:
    """Returns where networks run here."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _bytes(reference: str) -> int:
    path = resolve(reference)
    files = [path] if path.is_file() else path.rglob("*")
    return sum(one.stat().st_size for one in files if one.is_file())
