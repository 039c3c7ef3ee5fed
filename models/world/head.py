"""The head that the procedural world draws: one morphable head of this project's own, built once a process."""

from functools import cache

from models.world.anatomy import build
from models.world.morphable import MorphableHead


@cache
def head() -> MorphableHead:
    """Returns the head, built from formulas, under this project's licence."""
    return build()
