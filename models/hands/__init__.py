"""Finds hands in pictures."""

from typing import TYPE_CHECKING

from models.weights.references import ModelError

if TYPE_CHECKING:
    from models.hands.finder import HandFinder

NO_LITERT = (
    "hands cannot be looked for here ({error}): install the extra `redub[real]` (`uv sync --extra real`), which brings "
    "ai-edge-litert; or set occluders.model to '', and no hands are looked for"
)


def load_hands(reference: str) -> "HandFinder | None":
    """Loads what finds hands; None for an empty reference."""
    if not reference:
        return None
    try:
        from models.hands.finder import HandFinder

        return HandFinder(reference)
    except (ImportError, OSError) as error:
        raise ModelError(NO_LITERT.format(error=error)) from error
