"""Makes batches and the loss for the landmark network: jittered crops round faces, and crops without one."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from models.faces.boxes import Box, hull
from models.faces.mini import MARGIN, crop_map
from models.faces.nets import ANGLE, CROP, Landmarker
from models.faces.warp import apply, inverse, warp
from models.mini.augment import vary
from models.mini.world_pictures import Shot, draw_shot

WITHOUT = 0.24
"""Share of crops that show no face, or hardly any of one."""
ROUGH = 0.5
"""Share of crops as the first look gets them: by a detector's box, or by the face's last place."""


def sample(
    shots: Sequence[Shot], mirror: list[int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool, np.ndarray]:
    """Makes a crop; returns landmarks in it, how much each counts, whether there is a face, its angles in radians."""
    shot = draw_shot(shots, WITHOUT / 2, rng)
    frame = int(rng.integers(shot.frames))
    rgb_HWC, points_L2, angles_3 = shot.rgb_FHWC[frame], shot.points_FL2[frame], shot.angles_F3[frame].copy()
    if shot.person is None or rng.random() < WITHOUT / 2:
        lure = shot.person is None and points_L2.any() and rng.random() < 0.7
        avoid = None if shot.person is None else hull(points_L2)
        box = (
            square_on_thing(hull(points_L2), rng)
            if lure
            else square_beside_face(rgb_HWC.shape[:2], avoid, rng)
        )
        crop_3HW = warp(rgb_HWC, crop_map(box, 0.0), (CROP, CROP))
        return crop_3HW, np.zeros_like(points_L2), np.zeros(len(points_L2)), False, np.zeros(3)
    box, tilt = jittered(hull(points_L2), float(angles_3[2]), rng)
    to_picture_23 = crop_map(box, tilt)
    crop_3HW, points_L2 = warp(rgb_HWC, to_picture_23, (CROP, CROP)), apply(inverse(to_picture_23), points_L2)
    counts_L = np.where(shot.visible_FL[frame], 1.0, 0.8)
    angles_3[2] -= tilt
    if rng.random() < 0.5:
        crop_3HW, counts_L = crop_3HW[:, :, ::-1], counts_L[mirror]
        points_L2 = points_L2[mirror] * (-1, 1) + (CROP, 0)
        angles_3 *= (-1, 1, -1)
    return crop_3HW, points_L2, counts_L, True, np.radians(angles_3)


def jittered(box: Box, roll: float, rng: np.random.Generator) -> tuple[Box, float]:
    """Moves a box as the first look has it (not yet turned), or the second."""
    first = rng.random() < ROUGH
    x, y, wide, high = box
    longest = max(wide, high)
    shift_2 = rng.normal(0, 0.09 if first else 0.02, 2) * longest
    scale_2 = np.exp(rng.normal(0, 0.12 if first else 0.03, 2))
    box = x + shift_2[0], y + shift_2[1], wide * scale_2[0], high * scale_2[1]
    return box, float(rng.normal(0, 10)) if first else roll + float(rng.normal(0, 3))


def square_on_thing(thing: Box, rng: np.random.Generator) -> Box:
    """Returns a square over some part of a thing that is no face, as a detector that errs would give it."""
    x, y, wide, high = thing
    side = max(wide, high) * float(np.exp(rng.uniform(-1.0, 0.3)))
    at_2 = np.array([x, y]) + rng.uniform(0, 1, 2) * (wide, high)
    return float(at_2[0] - side / 2), float(at_2[1] - side / 2), side, side


def square_beside_face(shape: tuple[int, ...], face: Box | None, rng: np.random.Generator) -> Box:
    """Returns a square that leaves the middle of the face outside its crop."""
    height, width = shape[:2]
    while True:
        side = height * float(np.exp(rng.uniform(-2, 0)))
        x, y = rng.uniform(-side / 2, width - side / 2), rng.uniform(-side / 2, height - side / 2)
        if face is None:
            return x, y, side, side
        away = max(abs(face[0] + face[2] / 2 - x - side / 2), abs(face[1] + face[3] / 2 - y - side / 2))
        if away > MARGIN * side / 2 + 0.2 * max(face[2:]):
            return x, y, side, side


def step(
    net: Landmarker,
    shots: Sequence[Shot],
    mirror: list[int],
    batch: int,
    rng: np.random.Generator,
    noise: torch.Generator,
) -> Tensor:
    """Draws a batch and returns its loss."""
    made = [sample(shots, mirror, rng) for _ in range(batch)]
    crops, points, counts, there, angles = zip(*made, strict=True)
    points_BL2, counts_BL, angles_B3 = (
        torch.from_numpy(np.stack(x)).float() for x in (points, counts, angles)
    )
    there_B = torch.tensor(there, dtype=torch.float32)
    guess_BL2, logit_B, guess_B3 = net(vary(torch.from_numpy(np.stack(crops)), noise))
    off_BL = smooth_l1_loss(guess_BL2, points_BL2, reduction="none", beta=0.2).mean(2)
    turned_B = smooth_l1_loss(guess_B3 / ANGLE, angles_B3 / ANGLE, reduction="none", beta=0.1).mean(1)
    return (
        (off_BL * counts_BL).sum() / counts_BL.sum().clamp(min=1)
        + 0.5 * (turned_B * there_B).sum() / there_B.sum().clamp(min=1)
        + 0.5 * binary_cross_entropy_with_logits(logit_B, there_B)
    )
