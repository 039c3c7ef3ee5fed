"""What every face back-end answers with, and the few measures that all of them share.

Pixels are those of the picture that was given, x to the right and y down; left and right are as seen in
the picture. Back-ends know faces by different points; the five here are common to all, so whatever is
measured from them (the crop, the size) does not depend on the back-end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from models.faces.boxes import Box


@dataclass(frozen=True)
class Face:
    """A face that a detector found: about where it is."""

    box: tuple[float, float, float, float]
    """x, y, width, height."""
    score: float
    """0..1."""


@dataclass(frozen=True)
class Shape:
    """One face in one picture, by its landmarks."""

    points_K2: np.ndarray
    """float32, in the back-end's own order."""
    five_52: np.ndarray
    """Left eye, right eye, nose tip, left and right corner of the mouth: the order of ArcFace's template."""
    yaw: float
    """Degrees; positive when the face looks to the right of the picture."""
    pitch: float
    """Positive when it looks up."""
    roll: float
    """Positive when its top leans to the right of the picture (clockwise)."""
    opening: float
    """Gap between the inner lips, as a share of `size`."""
    width: float
    """Distance of the corners of the mouth, as a share of `size`."""
    score: float
    """0..1 that there is a face here at all."""
    depth_K: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    """How far behind the middle of the head each point lies, as large as x; nothing where a network doesn't tell."""

    def moved(self, scale: float, corner: np.ndarray) -> "Shape":
        """Returns the same face in a picture of which this one is an enlarged part that begins at `corner`."""
        points_K2, five_52 = (
            (at * scale + corner).astype(np.float32) for at in (self.points_K2, self.five_52)
        )
        return replace(self, points_K2=points_K2, five_52=five_52, depth_K=self.depth_K * np.float32(scale))

    @property
    def size(self) -> float:
        """The size of the face, in pixels (`face_size`)."""
        return face_size(self.five_52)

    @property
    def centre(self) -> tuple[float, float]:
        """The point half-way between the eyes and the mouth."""
        x, y = face_centre(self.five_52)
        return float(x), float(y)


@dataclass(frozen=True)
class Known:
    """A face a moment ago, in pixels of the picture in which it is looked for now."""

    shape: Shape
    seek: bool
    """Whether a detector has to see it again; else its landmarks alone may say that it is still there."""

    def moved(self, scale: float, corner: np.ndarray) -> "Known":
        """As `Shape.moved`."""
        return replace(self, shape=self.shape.moved(scale, corner))


class FaceBackend(Protocol):
    """Finds faces in a whole picture, and the landmarks of one face near a box. One object a process."""

    @property
    def mouth(self) -> Sequence[int]:
        """Which of its points lie on the mouth."""
        ...

    @property
    def steady(self) -> Sequence[int]:
        """Which lie where speech moves nothing: corners of the eyes, ridge of the nose, forehead."""
        ...

    def detect(self, rgb_HWC: np.ndarray, known: Sequence[Box] = ()) -> list[Face]:
        """Finds all faces in a picture. Those that lie in a `known` box need no second look: it may be returned."""
        ...

    def shape(self, rgb_HWC: np.ndarray, box: Box, known: Known | None = None) -> Shape | None:
        """Finds the face near `box` (any box of its last place will do); None when there is none.

        Landmarks that begin where it is `known` to have been tremble less; a back-end may begin anew all the same.
        """
        ...

    def close(self) -> None: ...


class Embedder(Protocol):
    """Tells who it is, by a unit vector that stays the same across pose, light and mouth."""

    def embed(self, rgb_HWC: np.ndarray, five_52: np.ndarray) -> np.ndarray:
        """Returns the vector of the face with these five points."""
        ...


def face_size(five_52: np.ndarray) -> float:
    """Returns about the height from brow to chin: twice the way from eyes to mouth, which turning the head keeps.

    Nodding shortens it, the distance of the eyes does not, so the longer of the two counts.
    """
    eyes, mouth = _eyes_and_mouth(five_52)
    return float(max(2 * np.linalg.norm(mouth - eyes), 2 * np.linalg.norm(five_52[1] - five_52[0])))


def face_centre(five_52: np.ndarray) -> np.ndarray:
    """Returns the point half-way between the eyes and the mouth."""
    eyes, mouth = _eyes_and_mouth(five_52)
    return (eyes + mouth) / 2


def _eyes_and_mouth(five_52: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle of each. By hand: numpy's mean takes five times as long for two points, and it is asked for often."""
    return (five_52[0] + five_52[1]) / 2, (five_52[3] + five_52[4]) / 2
