"""Makes hands in their owner's skin: open, pointing, or holding a thing; each with its wrist and a sleeve.

Units are the head's; a hand is as long as a face and faces the camera with its back or its curled fingers.
"""

import numpy as np
from numpy.typing import ArrayLike

from models.world.solids import Solid, join, tube

SLEEVES = np.array([[0.18, 0.22, 0.34], [0.55, 0.55, 0.56], [0.30, 0.16, 0.18], [0.82, 0.80, 0.76],
                    [0.16, 0.17, 0.18], [0.24, 0.36, 0.30], [0.62, 0.48, 0.36]])  # fmt: skip
CREASE = 0.42
"""How much darker a finger's side is than its back: without it fingers melt into one mitten."""


def _digit(points: ArrayLike, radius: float, skin: np.ndarray, nail: bool = True) -> Solid:
    """A finger or thumb, thinner towards its tip, with its nail on the camera's side."""
    path_N3 = np.asarray(points, float)
    finger = tube(path_N3, np.linspace(1.05, 0.80, len(path_N3)) * radius, skin, 7, shade=CREASE)
    if not nail:
        return finger
    tip_3, along_3 = path_N3[-1], path_N3[-1] - path_N3[-2]
    along_3 = along_3 / np.linalg.norm(along_3)
    above_3 = tip_3 + np.array([0, 0, 0.55 * radius])
    nail_23 = np.stack([above_3 - 0.3 * radius * along_3, above_3 + 0.3 * radius * along_3])
    return join(finger, tube(nail_23, 0.52 * radius, 0.55 * skin + (0.42, 0.34, 0.33), 6, flat=0.7))


def _sleeve(rng: np.random.Generator, wrist: ArrayLike, skin: np.ndarray) -> Solid:
    """The wrist, and a sleeve from there down out of every picture."""
    path_N3, cloth_3 = np.asarray(wrist, float), SLEEVES[rng.integers(len(SLEEVES))] * rng.uniform(0.8, 1.15)
    down_3 = path_N3[-1] - path_N3[0]
    far_3 = path_N3[-1] + 2.6 * down_3 / np.linalg.norm(down_3) - (0, 0, 0.3)
    cuff = tube([path_N3[-1], path_N3[-1] + 0.08 * down_3], 0.36, cloth_3 * 0.85, 9, flat=0.8)
    arm = tube(
        [path_N3[-1], (path_N3[-1] + far_3) / 2, far_3], (0.33, 0.38, 0.42), cloth_3, 9, flat=0.8, shade=0.2
    )
    return join(tube(path_N3, np.linspace(0.23, 0.26, len(path_N3)), skin, 9, 0.8, shade=0.2), cuff, arm)


def open_hand(rng: np.random.Generator, skin: np.ndarray) -> Solid:
    """Makes a hand with its back to the camera, fingers up and more or less spread.

    The origin is below the knuckles.
    """
    spread, bend = rng.uniform(0.1, 0.75), rng.uniform(0.0, 0.12)
    parts = [
        tube(
            [(0.02, -0.42, 0), (0, -0.1, 0.02), (0, 0.22, 0)], (0.25, 0.36, 0.37), skin, 12, 0.32, shade=0.15
        )
    ]
    for x, y, length in ((-0.29, 0.30, 0.66), (-0.10, 0.38, 0.78), (0.10, 0.36, 0.72), (0.28, 0.26, 0.55)):
        lean = spread * x + rng.normal(0, 0.03)
        reach_4 = length * np.array([0, 0.42, 0.74, 1.0])
        deep_4 = 0.05 - bend * np.array([0, 0.2, 0.8, 1.8])
        parts.append(
            _digit(
                np.stack([x + np.sin(lean) * reach_4, y + np.cos(lean) * reach_4, deep_4], -1), 0.098, skin
            )
        )
    away = 0.1 + 0.25 * spread
    parts.append(_digit([(-0.24, -0.3, 0), (-0.42, -0.08, 0.03), (-0.45 - away, 0.2, 0.04)], 0.118, skin))
    return join(*parts, _sleeve(rng, [(0.02, -0.4, 0), (0.03, -0.95, -0.05)], skin))


def pointing_hand(rng: np.random.Generator, skin: np.ndarray) -> Solid:
    """Makes a hand with one finger up, the others curled into a fist below it.

    The origin is at the finger's middle.
    """
    finger = _digit([(0, -0.42, 0.04), (0, -0.05, 0.06), (0.01, 0.22, 0.05), (0.02, 0.45, 0.02)], 0.105, skin)
    fist = tube([(0.14, -0.42, -0.12), (0.14, -0.82, -0.12)], (0.29, 0.27), skin, 12, 0.75, shade=0.2)
    curled = [_digit([(0.42, y, 0.0), (0.30, y, 0.13), (0.05, y - 0.02, 0.15), (-0.1, y - 0.03, 0.04)], 0.1, skin, False)
              for y in (-0.50, -0.69, -0.87)]  # fmt: skip
    thumb = _digit([(-0.16, -0.80, 0.0), (-0.12, -0.58, 0.13), (0.06, -0.42, 0.2)], 0.11, skin)
    return join(finger, fist, thumb, *curled, _sleeve(rng, [(0.14, -0.85, -0.12), (0.2, -1.3, -0.15)], skin))


def grip(rng: np.random.Generator, skin: np.ndarray, wide: float, deep: float, fingers: int = 4,
         around: tuple[float, float] = (20, 205), thumb: bool = True) -> Solid:  # fmt: skip
    """Makes a hand from the right about an upright thing; `around`: where its fingers begin and end, in degrees.

    The origin is on the thing's axis at the first finger; 0 degrees is to the right, 90 to the camera.
    """
    angle_5 = np.radians(np.linspace(*around, 5))
    wide, deep, drop = wide + 0.07, deep + 0.07, 0.165 * (fingers - 1)
    parts = []
    for row in range(fingers):
        y_5 = -0.165 * row - 0.02 * np.arange(5) * (row - 1)
        path_53 = np.stack([wide * np.cos(angle_5), y_5, deep * np.sin(angle_5)], -1)
        parts.append(_digit(path_53, 0.095 - 0.007 * row, skin, nail=False))
    if thumb:
        parts.append(
            _digit([(wide, -0.12, 0.05), (0.6 * wide, 0.1, deep), (-0.2 * wide, 0.17, deep)], 0.105, skin)
        )
    heel_3, wrist_3 = np.array([wide + 0.1, -drop / 2, -0.04]), np.array([wide + 0.2, -drop - 0.4, -0.06])
    top_3, end_3 = heel_3 - np.array([0.02, -0.1, 0]), heel_3 - np.array([0, drop / 2 + 0.1, 0])
    palm = tube([top_3, end_3], (0.22, 0.24), skin, 9, 0.7, shade=0.2)
    return join(*parts, palm, _sleeve(rng, [heel_3 - (0, drop / 2, 0), wrist_3], skin))
