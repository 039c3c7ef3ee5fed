"""Finds hands in pictures."""

from models.hands.finder import HandFinder


def load_hands(reference: str) -> HandFinder | None:
    """Loads what finds hands; None for an empty reference."""
    return HandFinder(reference) if reference else None
