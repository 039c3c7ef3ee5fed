"""Measures how unevenly light falls on a face: its slope from side to side and from top to bottom, and its change.

    score = unevenness(rgb_NHWC, face_NHW).score        # in stops; 0 is light from all sides

Only low frequencies count: the light in the upper, visible part of the face is averaged in cells, and a plane is
laid through the logarithms of the cells, in which eyes and hair weigh less the further they are off it.
N counts pictures, H and W are rows and columns, C red, green and blue, K cells; y and x are shares of the face.
"""

from dataclasses import dataclass

import numpy as np

from models.light.linear import LUMA_3, decoded

CELLS = 16
"""Rows and columns of cells over the face's box."""
FULL_CELL = 0.6
"""Share of a cell that must be visible face."""
FEWEST_CELLS = 12
LOWEST = 0.1
"""Where the cells end, above the mouth: beards are dark, and lips move."""
OWN_DOWN = 3.0
"""Stops: hair, brows and shaven chins alone make such slopes from top to bottom, so only what is more counts."""
DARKEST = 1e-3
"""Light below it is noise."""
ROUNDS = 4
"""Of laying the plane anew with other weights."""
TOLERANCE = 0.35
"""Stops off the plane at which a cell weighs half as much."""


@dataclass(frozen=True)
class Unevenness:
    """All in stops, from one edge of the face to the other."""

    across: float
    """Right over left, on the mean over time."""
    down: float
    """Bottom over top."""
    change: float
    """How far the slopes and the level wander over time: root of the sum of their variances."""

    @property
    def score(self) -> float:
        """One number for all three."""
        down = max(abs(self.down) - OWN_DOWN, 0.0)
        return float(np.sqrt(self.across**2 + down**2 + self.change**2))


def unevenness(rgb_NHWC: np.ndarray, face_NHW: np.ndarray) -> Unevenness | None:
    """Of pictures and where in them the face is visible; None where no picture shows enough of a face."""
    assert rgb_NHWC.shape[:3] == face_NHW.shape, (rgb_NHWC.shape, face_NHW.shape)
    planes = [_plane(rgb_HWC, face_HW) for rgb_HWC, face_HW in zip(rgb_NHWC, face_NHW, strict=True)]
    found_N3 = np.array([plane_3 for plane_3 in planes if plane_3 is not None])
    if not len(found_N3):
        return None
    _, down, across = found_N3.mean(0)
    return Unevenness(float(across), float(down), float(np.sqrt(found_N3.var(0).sum())))


def _plane(rgb_HWC: np.ndarray, face_HW: np.ndarray) -> np.ndarray | None:
    """Level, slope down and slope across of one picture, in stops."""
    rows, columns = (np.flatnonzero(face_HW.any(axis)) for axis in (1, 0))
    if not len(rows):
        return None
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    stops_K, yx_K2 = _cells(decoded(rgb_HWC[box]) @ LUMA_3, face_HW[box])
    if len(stops_K) < FEWEST_CELLS:
        return None
    return _fitted(stops_K, np.concatenate([np.ones((len(yx_K2), 1)), yx_K2], 1))


def _cells(light_HW: np.ndarray, face_HW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The light of the cells that are full of face, in stops, and where they are, -0.5 .. 0.5."""
    wanted = [min(CELLS, side) for side in face_HW.shape]
    edges = [
        np.linspace(0, side, n + 1).astype(int)[:-1] for side, n in zip(face_HW.shape, wanted, strict=True)
    ]

    def summed(values_HW: np.ndarray) -> np.ndarray:
        return np.add.reduceat(np.add.reduceat(values_HW, edges[0], 0), edges[1], 1)

    face = summed(face_HW.astype(np.float32))
    full = face >= FULL_CELL * summed(np.ones(face_HW.shape, np.float32))
    full[round((0.5 + LOWEST) * len(full)) :] = False
    light = summed(light_HW * face_HW)[full] / face[full]
    yx_K2 = (np.argwhere(full) + 0.5) / wanted - 0.5
    return np.log2(np.maximum(light, DARKEST)), yx_K2


def _fitted(stops_K: np.ndarray, terms_K3: np.ndarray) -> np.ndarray:
    """Least squares, reweighted by Cauchy's rule."""
    weight_K = np.ones(len(stops_K))
    for _ in range(ROUNDS):
        root_K = np.sqrt(weight_K)
        plane_3 = np.linalg.lstsq(terms_K3 * root_K[:, None], stops_K * root_K, rcond=None)[0]
        weight_K = 1 / (1 + ((stops_K - terms_K3 @ plane_3) / TOLERANCE) ** 2)
    return plane_3
