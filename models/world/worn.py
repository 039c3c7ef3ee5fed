"""Makes what a face wears, cut to its owner's own shape: a surgical mask, a strand of hair, a scarf."""

from functools import cache

import numpy as np

from models.world.body.head import head
from models.world.body.morphable import Material
from models.world.people import Person
from models.world.solids import Solid, join, loft, slab, tube

MASKS = np.array(
    [[0.55, 0.74, 0.84], [0.58, 0.76, 0.86], [0.90, 0.92, 0.93], [0.13, 0.13, 0.14], [0.86, 0.66, 0.70]]
)
WOOLS = np.array([[0.60, 0.16, 0.17], [0.20, 0.28, 0.45], [0.78, 0.72, 0.60], [0.20, 0.34, 0.27], [0.70, 0.52, 0.22],
                  [0.34, 0.34, 0.36]])  # fmt: skip

SHARP = 40
"""The power of the mean that stands for a maximum: at 12 noses come through the cloth."""


@cache
def _skin() -> np.ndarray:
    """Vertices that a worn thing lies on."""
    ours, mean_V3 = head(), head().mean_V3
    return np.flatnonzero((ours.material_V == Material.SKIN) & (mean_V3[:, 1] > -1.2) & (mean_V3[:, 1] < 1.1))


def distance_from_axis(
    person: Person, angle_N: np.ndarray, y_N: np.ndarray, reach: float = 0.13
) -> np.ndarray:
    """Returns how far the head comes out of its upright axis there: its highest points within reach, smoothly.

    Angles are about y, 0 to the camera, so that a cloth hung at this distance spans hollows as cloth does.
    """
    skin_V3 = head().neutral(person.shape_K)[_skin()]
    angle_V, out_V = np.arctan2(skin_V3[:, 0], skin_V3[:, 2]), np.hypot(skin_V3[:, 0], skin_V3[:, 2])
    far_NV = ((angle_N[:, None] - angle_V) / reach) ** 2 + (
        (y_N[:, None] - skin_V3[:, 1]) / (0.6 * reach)
    ) ** 2
    near_NV = np.exp(-np.minimum(far_NV, 40))
    return ((near_NV @ out_V**SHARP) / near_NV.sum(1)) ** (1 / SHARP)


def _points(angle: np.ndarray, y: np.ndarray, out: np.ndarray) -> np.ndarray:
    return np.stack([out * np.sin(angle), y, out * np.cos(angle)], -1)


def mask(rng: np.random.Generator, person: Person) -> Solid:
    """Makes pleated cloth from the nose's bridge to under the chin, with loops to the ears."""
    rows, columns = 15, 21
    down_R1, side_C = np.linspace(0, 1, rows)[:, None], np.linspace(-1, 1, columns)
    top_C = -0.10 + rng.uniform(-0.04, 0.04) + 0.10 * np.exp(-((side_C / 0.3) ** 2)) - 0.06 * side_C**2
    y_RC = top_C + down_R1 * (-1.17 + 0.22 * side_C**2 - top_C)
    angle_RC = side_C * np.radians(66 - 8 * down_R1)
    out_RC = distance_from_axis(person, angle_RC.ravel(), np.maximum(y_RC, -1.02).ravel()).reshape(
        rows, columns
    )
    lips_RC = np.exp(-((side_C / 0.45) ** 2) - ((y_RC + 0.5) / 0.28) ** 2)
    out_RC += 0.07 + 0.06 * lips_RC - 0.05 * side_C**4 - 0.22 * np.clip(down_R1 - 0.86, 0, 1) / 0.14
    pleat_R1 = np.sin(down_R1 * 4 * 2 * np.pi) * ((down_R1 > 0.15) & (down_R1 < 0.85))
    cloth_3 = MASKS[rng.integers(len(MASKS))] * rng.uniform(0.92, 1.05)
    tone_RC1 = (1 + 0.13 * pleat_R1 * (1 - side_C**4) - 0.18 * ((down_R1 < 0.05) | (down_R1 > 0.95)))[
        ..., None
    ]
    points_RC3 = _points(angle_RC, y_RC, out_RC + 0.012 * pleat_R1)
    front = loft(points_RC3[::-1], (cloth_3 * tone_RC1)[::-1], closed=False)
    white_3, loops = np.array([0.9, 0.9, 0.9]), []
    for side, corner_3 in zip((-1, 1, -1, 1), points_RC3[[1, 1, -3, -3], [0, -1, 0, -1]], strict=True):
        middle_3, ear_3 = (0.80 * side, 0.5 * corner_3[1] + 0.02, 0.1), (0.84 * side, 0.04, -0.12)
        loops.append(tube([corner_3, middle_3, ear_3], 0.02, white_3, 5))
    return join(front, *loops)


def strand(rng: np.random.Generator, person: Person) -> Solid:
    """Makes a lock of the person's own hair, from the parting down across the eye's corner and the mouth."""
    side, end = rng.choice([-1, 1]), rng.uniform(-0.1, 0.25)
    start, locks = rng.uniform(0.25, 0.5), int(rng.integers(9, 12))
    fall_N, bow, hair_3 = np.linspace(0, 1, 9), rng.uniform(0.08, 0.2), np.asarray(person.hair)
    parts = []
    for lock in np.linspace(-0.5, 0.5, locks) + rng.normal(0, 0.04, locks):
        bend_N = bow * np.sin(np.pi * fall_N) + 0.02 * np.sin(7 * fall_N + 6 * lock)
        angle_N = side * (start * (1 - fall_N) - end * fall_N + bend_N + 0.34 * lock * (1 - 0.5 * fall_N))
        y_N = 0.98 - fall_N * (1.75 + rng.uniform(-0.2, 0.2))
        out_N = distance_from_axis(person, angle_N, y_N) + 0.045 + 0.015 * np.cos(25 * lock)
        width_N = 0.062 * np.minimum(np.minimum(1, (1.05 - fall_N) * 2.5), 0.3 + 4 * fall_N)
        parts.append(
            tube(_points(angle_N, y_N, out_N), width_N, hair_3 * rng.uniform(0.85, 1.12), 5, flat=0.5)
        )
    return join(*parts)


def scarf(rng: np.random.Generator, person: Person) -> Solid:
    """Makes wool in rolls about the neck and up over the chin and lips, one end hanging."""
    rows, sides, rolls = 17, 26, 3
    angle_S, up_R1 = np.linspace(0, 2 * np.pi, sides, endpoint=False), np.linspace(0, 1, rows)[:, None]
    top = rng.uniform(-0.42, -0.24)
    top_S = top - 0.25 * (1 - np.cos(angle_S)) / 2 + 0.05 * np.sin(angle_S + rng.uniform(0, 6))
    y_RS = -1.55 + up_R1 * (top_S + 1.55)
    signed_S = np.arctan2(np.sin(angle_S), np.cos(angle_S))
    jaw_S = np.max(
        [distance_from_axis(person, signed_S, np.full(sides, y), 0.2) for y in (-0.5, -0.75, -1.0)], axis=0
    )
    out_RS = (
        jaw_S
        + 0.06
        + 0.10 * np.abs(np.sin(up_R1 * rolls * np.pi))
        - 0.14 * np.clip(up_R1 - 0.93, 0, 1) / 0.07
    )
    wool_3, stripe_3 = WOOLS[rng.choice(len(WOOLS), 2, replace=False)] * rng.uniform(0.85, 1.15)
    tone_R1 = 0.62 + 0.42 * np.abs(np.sin(up_R1 * rolls * np.pi)) ** 0.7
    striped_S1 = (np.arange(sides) % 6 == 0)[:, None]
    colours_RS3 = (
        np.where(striped_S1, stripe_3, wool_3 * (1 - 0.1 * (np.arange(sides) % 2))[:, None])
        * tone_R1[..., None]
    )
    side = rng.choice([-1, 1])
    end = slab(0.5, 1.4, 0.12, wool_3, wool_3 * 0.93, square=0.15).at(
        (0.35 * side, -1.9, 0.72), (0, 0.1, 0.06 * side)
    )
    bands = [
        slab(0.5, 0.14, 0.13, stripe_3, square=0.15).at((0.35 * side, y, 0.73), (0, 0.1, 0.06 * side))
        for y in (-2.1, -2.35)
    ]
    return join(loft(_points(angle_S, y_RS, out_RS), colours_RS3), end, *bands)
