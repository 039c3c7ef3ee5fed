"""Looks for signs that something is before a face, and says what they amount to; what it looks like, it cannot say.

Three signs, each from a clip alone: hands whose outline lies over the face's lower half, colours of the mouth that are
none of this face, and something that passes before the lower half. `seen` measures, `Signs` decides and puts in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from models.faces.colour_signs import bare_mouth, hidden_lips, passing
from models.faces.landmarks478 import OUTER_LIPS
from models.faces.outline import convex, inside
from models.faces.point_colours import MESH, Zones, colours, zones
from models.hands.finder import HandFinder
from tasks.ingest.track_data import TrackData
from tasks.stage import StageConfig

LASTING = 3
"""Frames: what is seen on fewer in a row is taken for blur."""
HAND, LIPS, BARE, PASSING = "a hand over the lower face", "lips hidden", "no mouth to be seen", "passing"


class SignLimits(StageConfig):
    """When a sign counts. No setting of any way but `signs`."""

    covered_share: float = Field(default=0.1, ge=0.0, le=1.0)
    """Under `signs`: clips that are clearly covered on a larger share of their frames are rejected."""
    look_every: int = Field(default=5, ge=1)
    """Under `signs`: frames from one look for hands to the next."""
    hand: float = Field(default=0.5, gt=0.0, le=1.0)
    """Under `signs`: how sure of a hand its mesh must be."""
    hand_share: float = Field(default=0.1, gt=0.0, le=1.0)
    """Under `signs`: the share of the lower face that a hand's outline must hold."""
    hidden_lips: float = Field(default=0.25, gt=0.0, le=1.0)
    """Under `signs`: the lips are covered where this share of them is of a colour that is none of this face."""
    passing: float = Field(default=0.15, gt=0.0, le=1.0)
    """Under `signs`: the lower face is covered where this share of it is not as it mostly is."""
    perhaps_passing: float = Field(default=0.08, gt=0.0, le=1.0)
    """Under `signs`: from this share on it may be."""


@dataclass(frozen=True)
class Signs:
    """What was seen on each of F frames."""

    limits: SignLimits
    hand_F: np.ndarray
    """Share of the lower face under a hand: of the nearest frame on which hands were looked for."""
    lips_F: np.ndarray
    """Share of the lips whose colour is none of this face."""
    bare_F: np.ndarray
    """Whether there is no mouth to be seen."""
    passing_F: np.ndarray
    """Share of the lower face that is not as it mostly is."""
    outlines: tuple[dict[str, np.ndarray], ...]
    """Of each frame, what was seen and its corners in the clip's pixels (C, 2)."""

    @property
    def by_name(self) -> dict[str, np.ndarray]:
        """On which frames each sign is seen (F)."""
        return {
            HAND: self.hand_F >= self.limits.hand_share,
            LIPS: self.lips_F >= self.limits.hidden_lips,
            BARE: self.bare_F > 0,
            PASSING: self.passing_F >= self.limits.perhaps_passing,
        }

    @property
    def clear_F(self) -> np.ndarray:
        """Covered: one strong sign, or two that agree."""
        seen = self.by_name
        return seen[LIPS] | (self.passing_F >= self.limits.passing) | (seen[PASSING] & (seen[HAND] | seen[BARE]))

    @property
    def perhaps_F(self) -> np.ndarray:
        """Covered or not: any sign."""
        return np.any(list(self.by_name.values()), axis=0)

    @property
    def strength_F(self) -> np.ndarray:
        """How suspicious each frame is."""
        shares = self.lips_F / self.limits.hidden_lips + self.passing_F / self.limits.passing
        return shares + self.clear_F + self.perhaps_F + (self.hand_F > 0)

    @property
    def covered(self) -> bool:
        return bool(self.clear_F.mean() > self.limits.covered_share)

    @property
    def words(self) -> str:
        """Which signs, on how many frames; empty without one."""
        told = [f"{name} on {int(at_F.sum())}" for name, at_F in self.by_name.items() if at_F.any()]
        return f"{', '.join(told)} of {len(self.hand_F)} frames" if told else ""


def seen(
    rgb_FHWC: np.ndarray, track: TrackData, hands: HandFinder | None, limits: SignLimits
) -> Signs:
    """Measures all signs in one clip. ValueError where its track has no mesh."""
    if track.points_TK2.shape[1] < MESH:
        raise ValueError(
            f"the track has {track.points_TK2.shape[1]} points a frame, and signs of occlusion are read at the {MESH} of a "
            "mesh: set ingest.face to mesh or mediapipe, or another occluders.segmenter"
        )
    read = [colours(*one) for one in zip(rgb_FHWC, track.points_TK2, track.five_T52, strict=True)]
    log_FP3, at_FP2 = (np.stack(part) for part in zip(*read, strict=True))
    where = zones(at_FP2)
    lips_FL, passing_FK = hidden_lips(log_FP3, where), passing(log_FP3, where)
    bare_F = lasting(bare_mouth(log_FP3, where).astype(float))
    hand_F, hand_outlines = _hands(rgb_FHWC, track, hands, where, limits)
    found = Signs(
        limits, hand_F, lasting(lips_FL.mean(1)), bare_F, lasting(passing_FK.sum(1) / where.lower_K.sum()), ()
    )
    points_FK2 = track.points_TK2[:, :MESH]
    drawn = [
        {
            HAND: hand_outlines[f],
            LIPS: _lips(points_FK2[f], lips_FL[f]),
            BARE: convex(points_FK2[f][OUTER_LIPS]),
            PASSING: convex(points_FK2[f][passing_FK[f]]),
        }
        for f in range(len(rgb_FHWC))
    ]
    kept = [{n: c for n, c in one.items() if found.by_name[n][f]} for f, one in enumerate(drawn)]
    return Signs(limits, hand_F, found.lips_F, found.bare_F, found.passing_F, tuple(kept))


def lasting(value_F: np.ndarray, frames: int = LASTING) -> np.ndarray:
    """Returns the values without peaks that are shorter than so many frames: the most of the leasts (opening)."""
    least_F = _windows(value_F, frames).min(1)
    return _windows(least_F, frames).max(1)


def _windows(value_F: np.ndarray, frames: int) -> np.ndarray:
    padded = np.pad(value_F, (frames // 2, frames - 1 - frames // 2), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, frames)


def _lips(points_K2: np.ndarray, hidden_L: np.ndarray) -> np.ndarray:
    return convex(points_K2[OUTER_LIPS][hidden_L])


def _hands(
    rgb_FHWC: np.ndarray, track: TrackData, hands: HandFinder | None, where: Zones, limits: SignLimits
) -> tuple[np.ndarray, Sequence[np.ndarray]]:
    """The share of the lower face under a hand, and that hand's corners: each look holds for the frames about it."""
    none = (0.0, np.zeros((0, 2)))
    if hands is None:
        return np.zeros(len(rgb_FHWC)), [none[1]] * len(rgb_FHWC)
    looked = list(range(min(limits.look_every // 2, len(rgb_FHWC) - 1), len(rgb_FHWC), limits.look_every))
    found = []
    for f in looked:
        lower_N2 = track.points_TK2[f, :MESH][where.lower_K]
        outlines = [convex(hand.points_212) for hand in hands.find(rgb_FHWC[f], limits.hand)]
        shares = [(float(inside(lower_N2, corners).mean()), corners) for corners in outlines]
        found.append(max(shares, key=lambda one: one[0], default=none))
    nearest = [min(f // limits.look_every, len(looked) - 1) for f in range(len(rgb_FHWC))]
    return np.array([found[n][0] for n in nearest]), [found[n][1] for n in nearest]
