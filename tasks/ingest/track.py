"""Remembers one face through a shot: its shape in each frame, as far back as the crop and the cuts look."""

from dataclasses import dataclass, field

import numpy as np

from models.faces.face import Shape
from tasks.ingest.jump_cuts import FORGET, Step, step_between
from tasks.ingest.steady_crop import Place


@dataclass
class Track:
    """Where one face was seen, frame by frame, from where it was first seen on."""

    number: int
    first: int
    shapes: list[Shape | None] = field(default_factory=list)
    """From frame `base` on; None where the face was not seen."""
    where: list[Place | None] = field(default_factory=list)
    """The same, as the crop sees it."""
    base: int = 0
    last_seen: int = 0
    sought: int = 0
    """When a detector saw it last."""
    seen: int = 0
    ended: bool = False
    embeddings: list[tuple[int, np.ndarray]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    """The last ones between different pictures."""

    def at(self, frame: int) -> Shape | None:
        index = frame - self.base
        return self.shapes[index] if 0 <= index < len(self.shapes) else None

    def latest(self) -> Shape:
        shape = self.at(self.last_seen)
        assert shape is not None
        return shape

    def put(self, frame: int, shape: Shape | None) -> None:
        assert frame == self.base + len(self.shapes)
        self.shapes.append(shape)
        self.where.append(None if shape is None else Place(*shape.centre, shape.size))
        if shape is not None:
            self.last_seen, self.seen = frame, self.seen + 1

    def walk(self, frame: int, shape: Shape) -> None:
        """It is seen here next, and not only because the picture stands still."""
        self.steps = [*self.steps[-FORGET:], step_between(self.last_seen, frame, self.latest(), shape)]

    def places(self) -> list[Place | None]:
        return self.where[: self.last_seen - self.base + 1]

    def cut(self, last: int) -> None:
        """Ends it at a frame: what was seen after it is not this face."""
        while self.shapes and (self.shapes[-1] is None or self.base + len(self.shapes) > last + 1):
            self._take_back()
        self.last_seen, self.ended = self.base + len(self.shapes) - 1, True

    def _take_back(self) -> None:
        self.shapes.pop()
        self.where.pop()

    def put_instead(self, frame: int, shape: Shape) -> None:
        """It was not seen where it should have been, but was found elsewhere in the same frame."""
        self._take_back()
        self.put(frame, shape)

    def forget(self, before: int) -> None:
        if (spare := min(before, self.last_seen) - self.base) > 0:
            del self.shapes[:spare], self.where[:spare]
            self.base += spare
        self.embeddings = [(t, e) for t, e in self.embeddings if t >= before or t == self.embeddings[-1][0]]
