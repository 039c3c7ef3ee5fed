"""The head that the procedural world draws: one morphable head of this project's own, built once a process."""

from functools import cache

from models.world.body.anatomy import build
from models.world.body.morphable import MorphableHead


@cache
def head() -> MorphableHead:
    """Returns the head, built from formulas, under this project's licence."""
    return build()
