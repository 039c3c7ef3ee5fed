"""Finds jump cuts that leave most of the picture as it is: the same person, on the same set, a moment later.

What a camera sees of a head goes on smoothly, however fast. In one step, and in none of the few around it, its
face is elsewhere and the picture there is another one: that is a cut. Slips of the landmarks change no
picture, blinks and lips move no face, and whoever moves fast does so for several frames.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.faces.face import Shape
from storage.media.coded_picture import Picture
from storage.media.crop import crop_rgb

NEIGHBOURS = 4
"""Steps on either side that a step is compared with."""
LENGTH_RATIO, LEAST_LENGTH = 2.0, 0.05
"""Least length of a cut's step: over the longest of its neighbours', and in face sizes (a tenth of what the eyes are
apart)."""
CHANGE_RATIO = 2.0
"""Least change of the picture at a cut, over the largest one around it."""
BOX, BOX_PX = 1.2, 32
"""The picture about the face, in face sizes, and the pixels that it is compared in."""
FORGET = 2 * NEIGHBOURS + 16
"""Frames: that many are looked back at, at most."""


@dataclass(frozen=True)
class Step:
    """From where a face was seen to where it was seen next."""

    before: int
    after: int
    shape: Shape
    """Before."""
    length: float
    """Mean over the five points, in face sizes."""


def step_between(before: int, after: int, one: Shape, other: Shape) -> Step:
    """How far the face moved from one frame, where it has the first shape, to another."""
    apart_52 = other.five_52 - one.five_52
    return Step(before, after, one, float(np.hypot(apart_52[:, 0], apart_52[:, 1]).mean()) / one.size)


def find_jump_cut(steps: list[Step], pictures: Mapping[int, Picture]) -> Step | None:
    """The step that NEIGHBOURS others have followed, if it is a cut."""
    if len(steps) < NEIGHBOURS + 3:
        return None
    now, around = steps[-1 - NEIGHBOURS], steps[-1 - 2 * NEIGHBOURS : -1 - NEIGHBOURS] + steps[-NEIGHBOURS:]
    if now.length < max(LEAST_LENGTH, LENGTH_RATIO * max(s.length for s in around)):
        return None
    if any(s.before not in pictures for s in (now, *around)):
        return None
    changes = [_change(s, pictures) for s in around]
    return now if _change(now, pictures) >= CHANGE_RATIO * max(changes) else None


def _change(step: Step, pictures: Mapping[int, Picture]) -> float:
    """Mean difference of the two pictures where the face was in the first."""
    square = (*step.shape.centre, BOX * step.shape.size)
    one, other = (crop_rgb(pictures[t], square, BOX_PX).astype(float) for t in (step.before, step.after))
    return float(np.abs(one - other).mean())
