"""Measures how much of the mouth can be read from a mask's outline.

Ridge regressions read it, and are judged on people they never saw.

Three descriptions of a mask compete, and all of them together: a few measures of it, its widths row by row and column
by column, and a coarse picture; the last two both as it lies in the clip and brought to one place and size. Each is
described with what sets it apart from its own clip's mean, too. N counts frames of all clips, D numbers of each.
"""

from collections.abc import Sequence

import numpy as np

CELLS = 12
PENALTIES = np.geomspace(1e-1, 1e5, 13)
Rows = tuple[np.ndarray, np.ndarray]
"""What is told, ND, and the values, N."""


def mouth_r2(masks: Sequence[np.ndarray], values: Sequence[np.ndarray]) -> float:
    """Returns R2 of the values, frame by frame, on the last half of the clips; each is a mask FHW of another person."""
    assert len(masks) == len(values) >= 8
    described, quarter = [_descriptions(mask_FHW) for mask_FHW in masks], len(masks) // 4

    def rows(look: str, first: int, last: int) -> Rows:
        return np.concatenate([one[look] for one in described[first:last]]), np.concatenate(
            values[first:last]
        )

    tried = [
        (_r2(rows(look, 0, quarter), rows(look, quarter, 2 * quarter), penalty), look, penalty)
        for look in described[0]
        for penalty in PENALTIES
    ]
    _, look, penalty = max(tried)
    return _r2(rows(look, 0, 2 * quarter), rows(look, 2 * quarter, len(described)), penalty)


def _descriptions(mask_FHW: np.ndarray) -> dict[str, np.ndarray]:
    """Look -> (F, D)."""
    placed_FHW = np.stack([_placed(mask_HW) for mask_HW in mask_FHW])
    looks = {
        "measures": np.stack([_measures(mask_HW) for mask_HW in mask_FHW]),
        "widths": np.concatenate(
            [m_FHW.mean(axis) for m_FHW in (mask_FHW, placed_FHW) for axis in (1, 2)], 1
        ),
        "picture": np.concatenate([_cells(m_FHW) for m_FHW in (mask_FHW, placed_FHW)], 1),
    }
    looks["all"] = np.concatenate(list(looks.values()), 1)
    return {name: np.concatenate([values, values - values.mean(0)], 1) for name, values in looks.items()}


def _measures(mask_HW: np.ndarray) -> np.ndarray:
    """The box that holds it, its shape and how full it is, and where the mask's weight lies in it."""
    y_N, x_N = np.nonzero(mask_HW)
    if not len(y_N):
        return np.zeros(9)
    high, wide = np.ptp(y_N) + 1, np.ptp(x_N) + 1
    low_N = (y_N - y_N.min()) / high
    full = len(y_N) / (high * wide)
    spread = np.abs(x_N - x_N.mean())[low_N >= low_N.max() - 0.25].mean() / wide
    return np.array([high, wide, high / wide, full, len(y_N), low_N.mean(), spread, y_N.max(), y_N.min()])


def _cells(mask_FHW: np.ndarray) -> np.ndarray:
    rows, columns = (np.linspace(0, length, CELLS + 1).astype(int)[:-1] for length in mask_FHW.shape[1:])
    sums_FXX = np.add.reduceat(np.add.reduceat(mask_FHW.astype(np.float32), rows, 1), columns, 2)
    return sums_FXX.reshape(len(mask_FHW), -1)


def _placed(mask_HW: np.ndarray) -> np.ndarray:
    """The box that holds the mask, brought to the whole square."""
    high, wide = mask_HW.shape
    y_N, x_N = np.nonzero(mask_HW)
    if not len(y_N):
        return mask_HW
    pick_H = y_N.min() + (np.arange(high) * (np.ptp(y_N) + 1)) // high
    pick_W = x_N.min() + (np.arange(wide) * (np.ptp(x_N) + 1)) // wide
    return mask_HW[pick_H][:, pick_W]


def _r2(known: Rows, asked: Rows, penalty: float) -> float:
    (known_ND, known_N), (asked_MD, true_M) = known, asked
    middle_D, spread_D = known_ND.mean(0), known_ND.std(0)
    spread_D = np.where(spread_D > 1e-6, spread_D, np.inf)
    x_ND, x_MD = (known_ND - middle_D) / spread_D, (asked_MD - middle_D) / spread_D
    gram_DD = x_ND.T @ x_ND + penalty * np.eye(x_ND.shape[1])
    guess_M = known_N.mean() + x_MD @ np.linalg.solve(gram_DD, x_ND.T @ (known_N - known_N.mean()))
    return float(1 - ((true_M - guess_M) ** 2).sum() / ((true_M - true_M.mean()) ** 2).sum())
