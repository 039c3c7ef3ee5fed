"""The mini head encoder: pictures of one person in, the coefficients of the world's morphable head out.

It has the layers of the mini landmark network, and that one's weights to begin with; then it looks at a crop of the
mouth alone, closer. The shape is read from all frames of a clip at once, and so are its moves: whether a mouth is wide by
nature or just now cannot be seen in one picture. C counts clips, F frames of each, N frames of all, D numbers known
of a frame, S shape coefficients, M frame coefficients, L landmarks.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate

from models.faces.nets import CROP, Conv, Landmarker, Residual
from models.heads.coefficients import EYES, FRAME_COEFFICIENTS, LIPS, SHAPE_COEFFICIENTS

ZOOM = 0.85
"""Share of the clip's side that is looked at, in its middle: a face then is as large as that network is used to."""
DEEP, KNOWN, MIXED = 64, 160, 128
CLOSE, NEAR = 32, 1.5
"""Pixels of the closer look at the mouth, and its side over the way from the eyes to the mouth."""


FrameFeatures = tuple[Tensor, Tensor, Tensor]
BackboneOutputs = tuple[Tensor, Tensor, Tensor, Tensor]


class HeadEncoder(Landmarker):
    """The network: the mini landmark network's layers, and more on top of them."""

    usual_M: Tensor
    spread_M: Tensor
    usual_L2: Tensor
    spread_L2: Tensor

    def __init__(self, landmarks: Sequence[str]):
        super().__init__(len(landmarks))
        self.eyes, self.mouth = ([landmarks.index(name) for name in names] for names in (EYES, LIPS))
        self.more = nn.Sequential(nn.Flatten(), nn.Linear(128 * 16, DEEP), nn.ReLU())
        close = Conv(3, 24, 2), Conv(24, 40, 2), Residual(40, False), nn.Flatten()
        self.close = nn.Sequential(*close, nn.Linear(40 * (CLOSE // 4) ** 2, DEEP), nn.ReLU())
        self.known = nn.Sequential(nn.Linear(2 * DEEP + 8 + 2 * len(landmarks), KNOWN), nn.ReLU())
        self.shape = nn.Sequential(
            nn.Linear(KNOWN, MIXED), nn.ReLU(), nn.Linear(MIXED, len(SHAPE_COEFFICIENTS))
        )
        self.moves = nn.Sequential(
            nn.Linear(2 * KNOWN, MIXED), nn.ReLU(), nn.Linear(MIXED, len(FRAME_COEFFICIENTS))
        )
        for name, size in (("M", (len(FRAME_COEFFICIENTS),)), ("L2", (len(landmarks), 2))):
            self.register_buffer(f"usual_{name}", torch.zeros(size))
            self.register_buffer(f"spread_{name}", torch.ones(size))

    def frame_features(self, rgb_N3HW: Tensor) -> FrameFeatures:
        """Returns features of each picture, its landmarks as shares of the clip's side, and the logit of a face."""
        return self.combined(*self.backbone(rgb_N3HW))

    def backbone(self, rgb_N3HW: Tensor) -> BackboneOutputs:
        """Returns the landmark network's deepest maps, its points and its whole answers; then a crop of the mouth."""
        fine = self.stem(rgb_N3HW / 128 - 1)
        middle = self.middle(fine)
        deep = self.deep(middle)
        middle = middle + interpolate(self.up_deep(deep), scale_factor=2.0)
        fine = fine + interpolate(self.up_middle(middle), scale_factor=2.0)
        points_NL2 = self.heat(fine).flatten(2).softmax(-1) @ self.grid_N2 / CROP - 0.5
        return deep, points_NL2, self.whole(deep), self._mouth(rgb_N3HW, points_NL2.detach())

    def combined(
        self, deep: Tensor, points_NL2: Tensor, whole_N4: Tensor, mouth_N3HW: Tensor
    ) -> FrameFeatures:
        """Returns what `frame_features` does, of what `backbone` gave."""
        placed_NL2 = (self.upright(points_NL2) - self.usual_L2) / self.spread_L2
        where_N4 = 8 * torch.cat([points_NL2[:, some].mean(1) for some in (self.eyes, self.mouth)], 1)
        parts = self.more(deep), self.close(mouth_N3HW / 128 - 1), whole_N4, placed_NL2.flatten(1), where_N4
        return self.known(torch.cat(parts, 1)), 0.5 + ZOOM * points_NL2, whole_N4[:, 0]

    def upright(self, points_NL2: Tensor) -> Tensor:
        """Returns points seen from the middle of the mouth, in units of its way from the eyes, which points down.

        A wider mouth is a little thing in the picture, and a large one among what differs here.
        """
        eyes_N12, mouth_N12 = (points_NL2[:, some].mean(1, keepdim=True) for some in (self.eyes, self.mouth))
        down_N12, from_NL2 = mouth_N12 - eyes_N12, points_NL2 - mouth_N12
        right_N12 = torch.stack([down_N12[..., 1], -down_N12[..., 0]], -1)
        placed_NL2 = torch.stack([(from_NL2 * axis_N12).sum(2) for axis_N12 in (right_N12, down_N12)], 2)
        return placed_NL2 / (down_N12**2).sum(2, keepdim=True).clamp(min=1e-4)

    def _mouth(self, rgb_N3HW: Tensor, points_NL2: Tensor) -> Tensor:
        """A square round it, upright in the face."""
        eyes_N2, mouth_N2 = (points_NL2[:, some].mean(1) for some in (self.eyes, self.mouth))
        down_N2 = NEAR * (mouth_N2 - eyes_N2)
        right_N2 = torch.stack([down_N2[:, 1], -down_N2[:, 0]], 1)
        at = (torch.arange(CLOSE) + 0.5) * 2 / CLOSE - 1
        y_HW, x_HW = torch.meshgrid(at, at, indexing="ij")
        from_N112 = 2 * mouth_N2[:, None, None]
        grid_NHW2 = (
            from_N112 + x_HW[..., None] * right_N2[:, None, None] + y_HW[..., None] * down_N2[:, None, None]
        )
        return grid_sample(rgb_N3HW, grid_NHW2, align_corners=False)

    def coefficients(self, known_CFD: Tensor, present_CF: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the person's shape (C, S) and each frame's coefficients (C, F, M).

        Frames count as much as a face is in them.
        """
        sure_CF1 = present_CF.sigmoid()[..., None]
        mean_CD = (known_CFD * sure_CF1).sum(1) / sure_CF1.sum(1).clamp(min=1e-6)
        both_CFD = torch.cat([known_CFD, mean_CD[:, None].expand_as(known_CFD)], 2)
        return self.shape(mean_CD), self.usual_M + self.spread_M * self.moves(both_CFD)


def encoder_view(side: float) -> tuple[float, float]:
    """Returns pixels of a clip of that side for one of the encoder's, and where what it looks at begins."""
    return side * ZOOM / CROP, side * (1 - ZOOM) / 2
