"""The world's head in torch, for losses: where some of its vertices fall in a square picture, with gradients.

The same formulas as `MorphableHead.pose` and the renderer's camera, which draw; a test holds them together.
B counts faces, S identity vectors, N vertices.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from models.heads.coefficients import FRAME_COEFFICIENTS
from models.world.body.morphable import JAW_OPEN, MorphableHead
from models.world.mesh import PART_OPENING
from models.world.raster import CAMERA_Z


class TorchHead(nn.Module):
    """Places some vertices of a morphable head in a picture."""

    mean_N3: Tensor
    shape_SN3: Tensor
    expression_EN3: Tensor
    jaw_N1: Tensor
    neck_N1: Tensor
    jaw_at_3: Tensor
    neck_at_3: Tensor

    def __init__(self, model: MorphableHead, vertices: np.ndarray, shapes: Sequence[str]):
        super().__init__()
        names = [model.identity_names.index(name) for name in shapes]
        moved = [model.expression_names.index(name) for name in EXPRESSIONS]
        kept = {
            "mean_N3": model.mean_V3[vertices],
            "shape_SN3": model.identity_KV3[names][:, vertices],
            "expression_EN3": model.expression_EV3[moved][:, vertices],
            "jaw_N1": model.jaw.weights_V[vertices, None],
            "neck_N1": model.neck.weights_V[vertices, None],
            "jaw_at_3": model.jaw.pivot_3,
            "neck_at_3": model.neck.pivot_3,
        }
        for name, value in kept.items():
            self.register_buffer(name, torch.from_numpy(np.asarray(value, np.float32)), persistent=False)

    def forward(self, shape_BS: Tensor, moves_BM: Tensor) -> Tensor:
        """Returns points as shares of the picture's side, (B, N, 2)."""
        move = {name: moves_BM[:, n] for n, name in enumerate(FRAME_COEFFICIENTS)}
        move["part"] = (move["opening"] / PART_OPENING).clamp(0, 1)
        amount_BE = torch.stack([move[name] for name in EXPRESSIONS], 1)
        x_BN3 = self.mean_N3 + torch.einsum("bs,snc->bnc", shape_BS, self.shape_SN3)
        x_BN3 = x_BN3 + torch.einsum("be,enc->bnc", amount_BE, self.expression_EN3)
        none_B = torch.zeros_like(move["yaw"])
        jaw_B33 = rotations(none_B, JAW_OPEN * move["opening"], none_B)
        x_BN3 = turned(x_BN3, jaw_B33, self.jaw_at_3, self.jaw_N1)
        x_BN3 = turned(
            x_BN3, rotations(move["yaw"], move["pitch"], move["roll"]), self.neck_at_3, self.neck_N1
        )
        unit_BN = CAMERA_Z * move["scale"].exp()[:, None] / (CAMERA_Z - x_BN3[..., 2])
        across, down = (move[name][:, None] for name in ("x", "y"))
        return torch.stack([across + x_BN3[..., 0] * unit_BN, down - x_BN3[..., 1] * unit_BN], -1)


EXPRESSIONS = ("width", "protrusion", "part", "brow", "smile", "blink")


def turned(x_BN3: Tensor, turn_B33: Tensor, about_3: Tensor, follows_N1: Tensor) -> Tensor:
    """Turns points about a pivot, each as far as it follows."""
    from_B = x_BN3 - about_3
    return x_BN3 + follows_N1 * (from_B @ turn_B33.transpose(1, 2) - from_B)


def rotations(yaw_B: Tensor, pitch_B: Tensor, roll_B: Tensor) -> Tensor:
    """Returns rotation matrices, as `models.world.body.morphable.rotations` does, with gradients."""
    one, none = torch.ones_like(yaw_B), torch.zeros_like(yaw_B)

    def matrix(*rows: Tensor) -> Tensor:
        return torch.stack(rows, -1).reshape(-1, 3, 3)

    (cy, cp, cr), (sy, sp, sr) = (
        [f(angle) for angle in (yaw_B, pitch_B, roll_B)] for f in (torch.cos, torch.sin)
    )
    yaw = matrix(cy, none, sy, none, one, none, -sy, none, cy)
    pitch = matrix(one, none, none, none, cp, -sp, none, sp, cp)
    roll = matrix(cr, -sr, none, sr, cr, none, none, none, one)
    return roll @ yaw @ pitch
