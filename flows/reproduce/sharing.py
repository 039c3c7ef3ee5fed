"""Shares work among processes that were asked for the same: each does what no other is at, and waits for the rest.

finished = shared(lambda: what_is_left(), do, wait)
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class Elsewhere(RuntimeError):
    """Another process is at it, or at what it needs."""


def shared(left: Callable[[], Sequence[T]], do: Callable[[T], bool], wait: Callable[[], None]) -> bool:
    """Until nothing is left. False as soon as `do` says that a person stopped it."""
    while todo := left():
        went = _first(todo, do)
        if went is None:
            wait()
        elif not went:
            return False
    return True


def _first(todo: Sequence[T], do: Callable[[T], bool]) -> bool | None:
    """How the first one went that nobody else is at; None where there is none."""
    for one in todo:
        try:
            return do(one)
        except Elsewhere:
            continue
    return None
