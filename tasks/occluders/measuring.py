"""Measures the signs that something is before a face, frame by frame (tasks/occluders/signs.py says what they mean).

F frames, K points of the mesh, P places whose colour is read, L those of them on the lips, C corners of an outline.
"""

from collections.abc import Sequence

import numpy as np

from models.faces.colour_signs import bare_mouth, hidden_lips, passing
from models.faces.landmarks478 import OUTER_LIPS
from models.faces.outline import convex, inside
from models.faces.point_colours import MESH, Zones, colours, zones
from models.hands.finder import HandFinder
from tasks.ingest.track_data import TrackData
from tasks.occluders.config import SignLimits
from tasks.occluders.signs import BARE, HAND, LIPS, PASSING, Signs, lasting

Outlines = dict[str, np.ndarray]
"""What is seen on one frame -> its corners (C, 2), in the clip's pixels."""
NOWHERE = np.zeros((0, 2))


def seen(
    frames: Sequence[np.ndarray], track: TrackData, hands: HandFinder | None, limits: SignLimits
) -> tuple[Signs, Sequence[Outlines]]:
    """Returns the signs in one clip, and where they are. ValueError where its track has no mesh."""
    points_FK2 = _mesh_of(track)
    read = [colours(*one) for one in zip(frames, points_FK2, track.five_T52, strict=True)]
    log_FP3, at_FP2 = (np.stack(part) for part in zip(*read, strict=True))
    where = zones(at_FP2)
    lips_FL, passing_FK = hidden_lips(log_FP3, where), passing(log_FP3, where)
    hand_F, hand_corners = _hands(frames, points_FK2, hands, where, limits)
    signs = Signs(
        limits,
        hand_F=hand_F,
        lips_F=lasting(lips_FL.mean(1)),
        bare_F=lasting(bare_mouth(log_FP3, where)),
        passing_F=lasting(passing_FK.sum(1) / max(int(where.lower_K.sum()), 1)),
    )
    drawn = [
        {
            HAND: hand_corners[f],
            LIPS: convex(points_K2[OUTER_LIPS][lips_FL[f]]),
            BARE: convex(points_K2[OUTER_LIPS]),
            PASSING: convex(points_K2[passing_FK[f]]),
        }
        for f, points_K2 in enumerate(points_FK2)
    ]
    seen_here = signs.by_name
    return signs, [
        {name: at for name, at in one.items() if seen_here[name][f]} for f, one in enumerate(drawn)
    ]


def _mesh_of(track: TrackData) -> np.ndarray:
    points_FK2 = track.points_TK2
    if points_FK2.shape[1] < MESH:
        raise ValueError(
            f"its track has {points_FK2.shape[1]} points a frame, and signs of occlusion are read at the {MESH} of "
            "MediaPipe's mesh: set ingest.face to mesh or mediapipe, or another occluders.segmenter"
        )
    return points_FK2[:, :MESH]


def _hands(
    frames: Sequence[np.ndarray],
    points_FK2: np.ndarray,
    hands: HandFinder | None,
    where: Zones,
    limits: SignLimits,
) -> tuple[np.ndarray, Sequence[np.ndarray]]:
    """The share of the lower face under a hand and that hand's corners; each look holds for the frames about it.

    Of two looks the second is left out while no hand is in sight at those beside it.
    """
    count = len(frames)
    if hands is None:
        return np.zeros(count), [NOWHERE] * count
    every = min(limits.look_every, count)
    at = range(every // 2, count, every)

    def look(n: int) -> tuple[float, np.ndarray]:
        return _largest(hands, frames[at[n]], points_FK2[at[n]][where.lower_K], limits.hand)

    looks = {n: look(n) for n in range(0, len(at), 2)}
    for n in range(1, len(at), 2):
        in_sight = any(len(looks[m][1]) for m in (n - 1, n + 1) if m in looks)
        looks[n] = look(n) if in_sight else (0.0, NOWHERE)
    nearest = [min(f // every, len(at) - 1) for f in range(count)]
    return np.array([looks[n][0] for n in nearest]), [looks[n][1] for n in nearest]


def _largest(
    hands: HandFinder, rgb_HWC: np.ndarray, lower_K2: np.ndarray, least: float
) -> tuple[float, np.ndarray]:
    outlines = [convex(hand.points_212) for hand in hands.find(rgb_HWC, least)]
    shares = [(float(inside(lower_K2, corners).mean()), corners) for corners in outlines]
    return max(shares, key=lambda one: one[0], default=(0.0, NOWHERE))
