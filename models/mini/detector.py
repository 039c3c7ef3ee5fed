"""Trains the mini face back-end's detector: canvases with faces of every size, and none, and the losses.

N counts the cells of all three grids, row by row, the finest first.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy, smooth_l1_loss

from models.faces.boxes import Box, hull
from models.faces.grid import STRIDES, cells
from models.faces.nets import Detector
from models.faces.warp import apply, inverse, warp
from models.mini.augment import vary
from models.mini.corpus import Shot

CANVASES = ((160, 96), (160, 160), (96, 160))
SIZES = {8: (0.0, 56.0), 16: (28.0, 112.0), 32: (64.0, 1e9)}
"""Which grid answers for faces of which longer side, in pixels; they overlap, so that two often agree."""
SMALLEST = 10.0
LARGEST = 1.05
"""Of a face's longer side over the canvas's shorter one."""
CORE = 0.3
"""Cells nearer to a face's middle than this share of its box answer for it."""

Labelled = list[tuple[Box, np.ndarray]]


def canvas(
    shots: Sequence[Shot], size: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, Labelled]:
    """One picture, or two side by side; with the boxes and the five points of the faces in it."""
    if size[0] < 160 or rng.random() > 0.25:
        return _window(shots, size, rng)
    half = size[0] // 2, size[1]
    (left_3HW, faces), (right_3HW, others) = _window(shots, half, rng), _window(shots, half, rng)
    moved = [((x + half[0], y, w, h), five_52 + np.array([half[0], 0])) for (x, y, w, h), five_52 in others]
    return np.concatenate([left_3HW, right_3HW], 2), faces + moved


def _window(
    shots: Sequence[Shot], size: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, Labelled]:
    """Part of a shot's frame, or all of it and black around."""
    shot = shots[int(rng.integers(len(shots)))]
    frame = int(rng.integers(shot.frames))
    rgb_HWC, flip = shot.rgb_FHWC[frame], rng.random() < 0.5
    whole = max(rgb_HWC.shape[1] / size[0], rgb_HWC.shape[0] / size[1])
    if shot.person is None:
        zoom, centre = whole * rng.uniform(0.3, 1.2), rng.uniform(0.2, 0.8, 2) * rgb_HWC.shape[1::-1]
        return warp(rgb_HWC, _placed(zoom, centre, np.array(size) / 2, flip), size), []
    x, y, wide, high = hull(shot.points_FL2[frame])
    longest = max(wide, high)
    zoom = max(longest / (LARGEST * min(size)), whole * np.exp(rng.uniform(-1.2, 0.3)))
    zoom = min(zoom, longest / SMALLEST)
    slack_2 = np.maximum(np.array(size) / 2 - 0.45 * np.array([wide, high]) / zoom, 0)
    at_2 = np.array(size) / 2 + rng.uniform(-1, 1, 2) * slack_2
    to_source_23 = _placed(zoom, np.array([x + wide / 2, y + high / 2]), at_2, flip)
    to_canvas_23 = inverse(to_source_23)
    five_52 = apply(to_canvas_23, shot.five_F52[frame])
    five_52 = five_52[[1, 0, 2, 4, 3]] if flip else five_52
    return warp(rgb_HWC, to_source_23, size), [(hull(apply(to_canvas_23, shot.points_FL2[frame])), five_52)]


def _placed(zoom: float, source_2: np.ndarray, at_2: np.ndarray, flip: bool) -> np.ndarray:
    """The map under which the place of the source lands at the place of the canvas."""
    scale_22 = np.diag([-zoom if flip else zoom, zoom])
    return np.column_stack([scale_22, source_2 - scale_22 @ at_2])


def targets(faces: Labelled, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each cell: whether it answers for a face, and that face's box (middle, size) and five points."""
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for stride in STRIDES:
        middles_N2 = (cells(*size, stride) + 0.5) * stride
        answer_N, box_N4 = np.zeros(len(middles_N2), bool), np.ones((len(middles_N2), 4))
        five_N52 = np.zeros((len(middles_N2), 5, 2))
        for (x, y, wide, high), five_52 in faces:
            if not SIZES[stride][0] <= max(wide, high) < SIZES[stride][1]:
                continue
            away_N2 = np.abs(middles_N2 - (x + wide / 2, y + high / 2))
            mine_N = np.all(away_N2 <= CORE * np.array([wide, high]), axis=1)
            mine_N[away_N2.sum(1).argmin()] = True
            answer_N |= mine_N
            box_N4[mine_N], five_N52[mine_N] = (x + wide / 2, y + high / 2, wide, high), five_52
        parts.append((answer_N, box_N4, five_N52))
    answer_N, box_N4, five_N52 = (np.concatenate(part) for part in zip(*parts, strict=True))
    return answer_N, box_N4, five_N52


def loss(outputs: dict[str, Tensor], faces_B: list[Labelled], size: tuple[int, int]) -> Tensor:
    made = [targets(faces, size) for faces in faces_B]
    answer_BN, box_BN4, five_BN52 = (torch.from_numpy(np.stack(part)) for part in zip(*made, strict=True))
    joined = {k: torch.cat([outputs[f"{k}_{s}"] for s in STRIDES], 1) for k in ("cls", "obj", "bbox", "kps")}
    obj_BN, true_BN = joined["obj"][..., 0], answer_BN.float()
    hard_BN = (obj_BN.detach() - true_BN).abs() ** 1.5
    count = answer_BN.sum().clamp(min=1)
    total = (hard_BN * binary_cross_entropy(obj_BN, true_BN, reduction="none")).sum() / count
    at_N2 = torch.from_numpy(np.concatenate([cells(*size, s) * s for s in STRIDES]))
    stride_N = torch.from_numpy(
        np.concatenate([np.full(len(cells(*size, s)), s, np.float32) for s in STRIDES])
    )
    picture, cell = answer_BN.nonzero(as_tuple=True)
    if not len(cell):
        return total
    guess_P4, box_P4, stride_P1 = (
        joined["bbox"][picture, cell],
        box_BN4[picture, cell].float(),
        stride_N[cell, None],
    )
    middle_P2, side_P2 = (
        at_N2[cell] + guess_P4[:, :2] * stride_P1,
        guess_P4[:, 2:].clamp(max=6).exp() * stride_P1,
    )
    shared_P = overlaps(middle_P2, side_P2, box_P4)
    off_P2 = (middle_P2 - box_P4[:, :2]) / box_P4[:, 2:]
    log_P2 = (side_P2 / box_P4[:, 2:]).log()
    five_P52 = at_N2[cell, None] + joined["kps"][picture, cell].reshape(-1, 5, 2) * stride_P1[:, None]
    five_off = (five_P52 - five_BN52[picture, cell].float()) / box_P4[:, None, 2:]
    for off in (off_P2, log_P2, five_off):
        total = total + 2 * smooth_l1_loss(off, torch.zeros_like(off), beta=0.05)
    sure_P = joined["cls"][picture, cell, 0]
    return total + (1 - shared_P).mean() + binary_cross_entropy(sure_P, shared_P.detach())


def overlaps(middle_P2: Tensor, side_P2: Tensor, box_P4: Tensor) -> Tensor:
    """Intersection over union with boxes given by middle and size."""
    low_P2 = torch.maximum(middle_P2 - side_P2 / 2, box_P4[:, :2] - box_P4[:, 2:] / 2)
    high_P2 = torch.minimum(middle_P2 + side_P2 / 2, box_P4[:, :2] + box_P4[:, 2:] / 2)
    shared_P = (high_P2 - low_P2).clamp(min=0).prod(1)
    return (shared_P / (side_P2.prod(1) + box_P4[:, 2:].prod(1) - shared_P)).clamp(0, 1)


def step(
    net: Detector, shots: Sequence[Shot], batch: int, rng: np.random.Generator, noise: torch.Generator
) -> Tensor:
    size = CANVASES[rng.integers(len(CANVASES))]
    made = [canvas(shots, size, rng) for _ in range(batch)]
    rgb_B3HW = vary(torch.from_numpy(np.stack([rgb_3HW for rgb_3HW, _ in made])), noise)
    return loss(net(rgb_B3HW.flip(1)), [faces for _, faces in made], size)
