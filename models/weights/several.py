"""Splits what a setting names where a model is of several files, each with its own reference: `REFERENCE + REFERENCE`."""

BETWEEN = " + "


def several(reference: str) -> list[str]:
    """Returns the references, in their order; none for an empty setting."""
    return [part.strip() for part in reference.split(BETWEEN) if part.strip()]
