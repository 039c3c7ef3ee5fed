"""Makes batches and the loss for the detector: canvases with faces of every size, and none.

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
from models.mini.world_pictures import Shot, draw_shot

CANVASES = ((160, 96), (160, 160), (96, 160))
SIZES = {8: (0.0, 56.0), 16: (28.0, 112.0), 32: (64.0, 1e9)}
"""Which grid answers for faces of which longer side, in pixels; they overlap, so that two often agree."""
SMALLEST = 10.0
LARGEST = 1.05
"""Of a face's longer side over the canvas's shorter one."""
CORE = 0.3
"""Cells nearer to a face's middle than this share of its box answer for it."""

BACKGROUND_WEIGHT = 0.4
"""Weight of a cell that answers for nothing, against that of a whole face."""
EMPTY = 0.25
"""Share of pictures without a face."""

Labelled = list[tuple[Box, np.ndarray]]


def canvas(
    shots: Sequence[Shot], size: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, Labelled]:
    """Makes one picture, or two side by side, and returns the boxes and the five points of the faces in it."""
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
    shot = draw_shot(shots, EMPTY, rng)
    frame = int(rng.integers(shot.frames))
    rgb_HWC, flip = shot.rgb_FHWC[frame], rng.random() < 0.5
    whole = max(rgb_HWC.shape[1] / size[0], rgb_HWC.shape[0] / size[1])
    if shot.person is None:
        zoom, centre = whole * rng.uniform(0.3, 1.2), rng.uniform(0.2, 0.8, 2) * rgb_HWC.shape[1::-1]
        return warp(rgb_HWC, _placed(zoom, centre, np.array(size) / 2, flip), size), []
    x, y, wide, high = hull(shot.points_FL2[frame])
    longest = max(wide, high)
    zoom = max(longest / (LARGEST * min(size)), whole * np.exp(rng.uniform(-1.0, 0.4)))
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
    """Returns for each cell which share of a face it answers for, that face's box (middle, size) and five points.

    Shares of a face add up to 1, so that a small one, which few cells see, counts as much as a large one.
    """
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for stride in STRIDES:
        middles_N2 = (cells(*size, stride) + 0.5) * stride
        face_N, box_N4 = np.full(len(middles_N2), -1), np.ones((len(middles_N2), 4))
        five_N52 = np.zeros((len(middles_N2), 5, 2))
        for number, ((x, y, wide, high), five_52) in enumerate(faces):
            if not SIZES[stride][0] <= max(wide, high) < SIZES[stride][1]:
                continue
            away_N2 = np.abs(middles_N2 - (x + wide / 2, y + high / 2))
            mine_N = np.all(away_N2 <= CORE * np.array([wide, high]), axis=1)
            mine_N[away_N2.sum(1).argmin()] = True
            face_N[mine_N] = number
            box_N4[mine_N], five_N52[mine_N] = (x + wide / 2, y + high / 2, wide, high), five_52
        parts.append((face_N, box_N4, five_N52))
    face_N, box_N4, five_N52 = (np.concatenate(part) for part in zip(*parts, strict=True))
    cells_of_face = np.bincount(face_N + 1, minlength=len(faces) + 1)
    share_N = np.where(face_N >= 0, 1 / np.maximum(cells_of_face[face_N + 1], 1), 0)
    return share_N.astype(np.float32), box_N4, five_N52


def loss(outputs: dict[str, Tensor], faces_B: list[Labelled], size: tuple[int, int]) -> Tensor:
    """Returns how far off the detector's guesses are."""
    made = [targets(faces, size) for faces in faces_B]
    share_BN, box_BN4, five_BN52 = (torch.from_numpy(np.stack(x)).float() for x in zip(*made, strict=True))
    guess = {k: torch.cat([outputs[f"{k}_{s}"] for s in STRIDES], 1) for k in ("cls", "obj", "bbox", "kps")}
    obj_BN, true_BN, faces = guess["obj"][..., 0], (share_BN > 0).float(), share_BN.sum().clamp(min=1)
    weight_BN = (
        torch.where(share_BN > 0, share_BN, BACKGROUND_WEIGHT) * (obj_BN.detach() - true_BN).abs() ** 1.5
    )
    total = (weight_BN * binary_cross_entropy(obj_BN, true_BN, reduction="none")).sum() / faces
    at = share_BN.nonzero(as_tuple=True)
    if not len(at[0]):
        return total
    off_P, shared_P = _misplaced(guess["bbox"][at], guess["kps"][at], box_BN4[at], five_BN52[at], at[1], size)
    unsure_P = binary_cross_entropy(guess["cls"][at][:, 0], shared_P.detach(), reduction="none")
    return total + ((off_P + unsure_P) * share_BN[at]).sum() / faces


def _misplaced(
    bbox_P4: Tensor, kps_P10: Tensor, box_P4: Tensor, five_P52: Tensor, cell_P: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """How far off the guesses of P cells are, in shares of the face; and how much the boxes overlap."""
    stride_N = np.concatenate([np.full(len(cells(*size, s)), s, np.float32) for s in STRIDES])
    stride_P1 = torch.from_numpy(stride_N)[cell_P, None]
    at_P2 = torch.from_numpy(np.concatenate([cells(*size, s) * s for s in STRIDES]))[cell_P]
    middle_P2, side_P2 = at_P2 + bbox_P4[:, :2] * stride_P1, bbox_P4[:, 2:].clamp(max=6).exp() * stride_P1
    spots_P52 = at_P2[:, None] + kps_P10.reshape(-1, 5, 2) * stride_P1[:, None]
    off_P72 = (
        torch.cat([middle_P2[:, None] - box_P4[:, None, :2], spots_P52 - five_P52], 1) / box_P4[:, None, 2:]
    )
    off_P72 = torch.cat([off_P72, (side_P2 / box_P4[:, 2:]).log()[:, None]], 1)
    smooth_P = smooth_l1_loss(off_P72, torch.zeros_like(off_P72), beta=0.05, reduction="none").mean((1, 2))
    shared_P = overlaps(middle_P2, side_P2, box_P4)
    return 6 * smooth_P + 1 - shared_P, shared_P


def overlaps(middle_P2: Tensor, side_P2: Tensor, box_P4: Tensor) -> Tensor:
    """Returns the intersection over union with boxes given by middle and size."""
    low_P2 = torch.maximum(middle_P2 - side_P2 / 2, box_P4[:, :2] - box_P4[:, 2:] / 2)
    high_P2 = torch.minimum(middle_P2 + side_P2 / 2, box_P4[:, :2] + box_P4[:, 2:] / 2)
    shared_P = (high_P2 - low_P2).clamp(min=0).prod(1)
    return (shared_P / (side_P2.prod(1) + box_P4[:, 2:].prod(1) - shared_P)).clamp(0, 1)


def step(
    net: Detector, shots: Sequence[Shot], batch: int, rng: np.random.Generator, noise: torch.Generator
) -> Tensor:
    """Draws a batch and returns its loss."""
    size = CANVASES[rng.integers(len(CANVASES))]
    made = [canvas(shots, size, rng) for _ in range(batch)]
    rgb_B3HW = vary(torch.from_numpy(np.stack([rgb_3HW for rgb_3HW, _ in made])), noise)
    return loss(net(rgb_B3HW.flip(1)), [faces for _, faces in made], size)
