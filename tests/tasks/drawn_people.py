"""A drawn talking face with a mesh of 468 points that fits it exactly, and things that cover it."""

import numpy as np

from models.faces.landmarks478 import INNER_RING, OUTER_LIPS, OVAL
from tasks.ingest.track_data import TrackData

SIDE, FRAMES = 128, 30
SKIN, LIP, INSIDE, BACK = (205, 160, 135), (190, 105, 100), (60, 25, 25), (90, 120, 140)
FIVE_52 = np.array([[46, 50], [82, 50], [64, 68], [50, 86], [78, 86]], np.float32)
MOUTH = 64.0, 86.0


def ring(count, middle, across, down, begin=np.pi):
    """Points round an ellipse; from the left corner over the top."""
    angle_K = begin + np.arange(count) / count * 2 * np.pi
    return np.stack([middle[0] + across * np.cos(angle_K), middle[1] + down * np.sin(angle_K)], 1)


def mesh(opening):
    """Points (468, 2): oval and lips where they belong, all others spread evenly over the face."""
    spread = np.random.default_rng(3).uniform(-1, 1, (4000, 2))
    inside = spread[np.hypot(*spread.T) < 0.93][:468] * (38, 50) + (64, 66)
    points_K2 = inside.astype(np.float32)
    points_K2[OVAL] = ring(len(OVAL), (64, 66), 40, 52, -np.pi / 2)
    points_K2[OUTER_LIPS] = ring(len(OUTER_LIPS), MOUTH, 14, 5 + opening)
    points_K2[INNER_RING] = ring(len(INNER_RING), MOUTH, 12, 0.5 + opening)
    return points_K2


def ellipse(rgb_HWC, middle, across, down, colour):
    rows, columns = np.mgrid[: len(rgb_HWC), : rgb_HWC.shape[1]] + 0.5
    there_HW = np.hypot((columns - middle[0]) / across, (rows - middle[1]) / down) < 1
    rgb_HWC[there_HW] = colour
    return there_HW


def face(opening, skin=SKIN, lip=LIP):
    rgb_HWC = np.full((SIDE, SIDE, 3), BACK, np.float32)
    ellipse(rgb_HWC, (64, 66), 40, 52, skin)
    for x, y in FIVE_52[:2]:
        ellipse(rgb_HWC, (x, y), 7, 4, (40, 35, 35))
    ellipse(rgb_HWC, MOUTH, 14, 5 + opening, lip)
    ellipse(rgb_HWC, MOUTH, 12, 0.8 + opening, INSIDE)
    return rgb_HWC


def person(cover=None, frames=FRAMES, **colours):
    """Frames, and the track; `cover(rgb_HWC, frame)` paints over the face."""
    noise, made, points = np.random.default_rng(1), [], []
    for frame in range(frames):
        opening = 2.5 + 2.5 * np.sin(frame * 0.9)
        rgb_HWC = face(opening, **colours)
        if cover:
            rgb_HWC = cover(rgb_HWC, frame)
        made.append((rgb_HWC + noise.normal(0, 2, rgb_HWC.shape)).clip(0, 255).astype(np.uint8))
        points.append(mesh(opening))
    return np.stack(made), track_of(np.stack(points))


def track_of(points_TK2):
    count = len(points_TK2)
    return TrackData(
        points_TK2=points_TK2,
        five_T52=np.repeat(FIVE_52[None], count, axis=0),
        pose_T3=np.zeros((count, 3)),
        opening_T=np.zeros(count),
        width_T=np.full(count, 0.4),
        score_T=np.ones(count),
        square_T3=np.repeat([[300.0, 200.0, 128.0]], count, axis=0),
        change_T=np.ones(count),
    )
