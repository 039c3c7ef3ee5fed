"""Measures how far off the head encoder is: in its landmarks, in the face that makes the mask, and in its numbers.

C counts clips, F frames of each, N faces, S shape coefficients, M frame coefficients, L landmarks.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from models.heads.coefficients import FRAME_COEFFICIENTS, MOUTH, SHAPE_COEFFICIENTS
from models.heads.encoder import FrameFeatures, HeadEncoder
from models.heads.torch_head import TorchHead
from models.mini.headfit.corpus import SIDE, Batch
from models.world.body.head import head
from models.world.render import face_triangles

WEIGHTS = {"opening": 3.0, "width": 3.0, "protrusion": 3.0, "smile": 2.0}
"""What lies round the mouth counts more than the rest: it is little of the picture."""
SURFACE = 10
"""One in so many vertices of the face counts in the loss."""
Fitted = tuple[Tensor, Tensor]
"""The shape, NS, and the moves, NM, of N faces."""


class Objective:
    """The loss: how far the landmarks, the face with its jaw at the fixed opening, and the numbers themselves are off."""

    def __init__(self, spread_M: Tensor):
        model = head()
        self.landmarks = TorchHead(model, model.landmark_L3[:, 0], SHAPE_COEFFICIENTS)
        self.surface = TorchHead(model, np.unique(face_triangles(model))[::SURFACE], SHAPE_COEFFICIENTS)
        self.spread_M = spread_M
        self.weight_M = torch.tensor([WEIGHTS.get(move, 1.0) for move in FRAME_COEFFICIENTS])
        self.kept_M = torch.tensor([float(move not in MOUTH) for move in FRAME_COEFFICIENTS])
        self.open_M = torch.tensor([float(move == "opening") for move in FRAME_COEFFICIENTS])

    def __call__(self, net: HeadEncoder, batch: Batch, look: FrameFeatures) -> Tensor:
        shape = batch.there_CF.shape
        known_ND, points_NL2, present_N = look
        shape_CS, moves_CFM = net.coefficients(known_ND.unflatten(0, shape), present_N.unflatten(0, shape))
        there_CF = batch.there_CF
        aim, guess = (
            (numbers_CS[:, None].expand(-1, shape[1], -1)[there_CF], all_CFM[there_CF])
            for numbers_CS, all_CFM in ((batch.shape_CS, batch.moves_CFM), (shape_CS, moves_CFM))
        )
        off = self._drawn(aim, guess, points_NL2[there_CF.flatten()]) + self._numbers(aim[1], guess[1])
        off = off + 0.3 * smooth_l1_loss(shape_CS, batch.shape_CS, beta=0.3)
        return off + 0.3 * binary_cross_entropy_with_logits(present_N, there_CF.flatten().float())

    def _drawn(self, aim: Fitted, guess: Fitted, points_NL2: Tensor) -> Tensor:
        """In pixels: the landmarks as seen and as the numbers put them, and the face that makes the mask."""
        aim_NL2 = self.landmarks(*aim)
        off = pixels(points_NL2, aim_NL2) + pixels(self.landmarks(*guess), aim_NL2)
        return 2 * (off + pixels(self.surface(*self._fixed(guess)), self.surface(*self._fixed(aim))))

    def _numbers(self, aim_NM: Tensor, guess_NM: Tensor) -> Tensor:
        off_NM = smooth_l1_loss(guess_NM / self.spread_M, aim_NM / self.spread_M, reduction="none", beta=0.1)
        return 2 * (off_NM * self.weight_M).mean()

    def _fixed(self, numbers: Fitted) -> Fitted:
        return numbers[0], numbers[1] * self.kept_M + self.open_M


def pixels(one_NL2: Tensor, other_NL2: Tensor) -> Tensor:
    """Returns how far points are from others, in pixels."""
    return smooth_l1_loss(SIDE * one_NL2, SIDE * other_NL2, beta=0.2)
