"""Remembers which checkpoint of a training was the best so far; after a resume, from the notes on disk."""

from collections.abc import Mapping
from typing import Any

from tasks.training.checkpoints import Place


class Best:
    """Which checkpoint was the best so far, by the first of its metrics."""

    def __init__(self, place: Place, done: int, higher: bool):
        self.higher = higher
        self.step: int | None = None
        self._name, self._value = "", 0.0
        there = [one for one in map(place.read, sorted(place.there())) if one and one.step <= done]
        for one in there:
            self.take(one.note)

    def beats(self, metrics: Mapping[str, float]) -> bool:
        """Whether it would be the best. What was chosen by another number is not compared with."""
        if not metrics:
            return False
        name, value = next(iter(metrics.items()))
        if self.step is None or name != self._name:
            return True
        return value > self._value if self.higher else value < self._value

    def take(self, note: Mapping[str, Any]) -> None:
        """Takes in the note of a checkpoint that is whole."""
        if note.get("best"):
            self.step = int(note["step"])
            self._name, self._value = next(iter(note["metrics"].items()))
