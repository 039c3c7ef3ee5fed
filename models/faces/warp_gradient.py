"""Crops and turns pictures as models/faces/warp.py does, by torch, so that gradients pass: for networks that teach.

B counts pictures of C channels; a map is a 2x3 matrix from points of the picture that is made to the one that is there.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample

from models.faces.warp import MAX_TAPS


def warped(x_BCHW: Tensor, to_source_B23: np.ndarray, side: int) -> Tensor:
    """Returns squares of each picture under its map, (B, C, side, side); black outside the source."""
    shrink = float(np.sqrt(np.abs(np.linalg.det(to_source_B23[:, :, :2])).max()))
    taps = 1 if shrink <= 1.2 else min(int(np.ceil(shrink)) + 1, MAX_TAPS)
    at = (torch.arange(side * taps, dtype=torch.float64) + 0.5) / taps
    points_PP3 = torch.stack([*torch.meshgrid(at, at, indexing="xy"), torch.ones(len(at), len(at))], -1)
    source_BPP2 = torch.einsum("ijc,bkc->bijk", points_PP3, torch.from_numpy(to_source_B23).double())
    size = torch.tensor([x_BCHW.shape[3], x_BCHW.shape[2]])
    grid = (2 * source_BPP2 / size - 1).to(x_BCHW)
    seen = grid_sample(x_BCHW, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return avg_pool2d(seen, taps) if taps > 1 else seen
