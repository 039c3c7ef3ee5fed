"""Fits FLAME by SMIRK (Retsinas et al. 2024), an encoder of its coefficients. Both files are the user's own.

Its weights are read without unpickling code, its backbones are ours with timm's names. What it says of eyelids is
not used: lids lie inside the face. The square it looks at is put round the tracker's five points as if round all
of the face's: SMIRK was trained with that square off by as much.
"""

import pickle
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from models.faces.face import face_centre, face_size
from models.faces.warp import turned_square, warp
from models.heads.fit import Fit, Surface, TrackedFace
from models.heads.flame import SHAPES, Flame, turned
from models.heads.jaw import angles
from models.heads.mobilenet import LARGE, SMALL, Layout, MobileNet
from models.weights.references import ModelError, resolve
from models.world.body.morphable import rotations

SIDE, EXPRESSIONS, LIDS = 224, 50, 2
MARGIN = 1.5
"""Side of the square over the size of the face by five points: 1.4 times what holds MediaPipe's."""
BATCH = 16
PREFIX = "smirk_encoder."


class Part(nn.Module):
    """One of SMIRK's three networks; the linear layer is a sequence of one in the checkpoint."""

    def __init__(self, layout: Layout, layers: str, numbers: int):
        super().__init__()
        self.encoder, self._layers = MobileNet(layout), layers
        self.add_module(layers, nn.Sequential(nn.Linear(layout.last, numbers)))

    def forward(self, rgb_B3HW: Tensor) -> Tensor:
        return self.get_submodule(self._layers)(self.encoder(rgb_B3HW))


class Smirk(nn.Module):
    """Takes RGB 0..1, and gives pose (axis times angle) and camera, shape, and expression, lids and jaw."""

    def __init__(self) -> None:
        super().__init__()
        self.pose_encoder = Part(SMALL, "pose_cam_layers", 6)
        self.shape_encoder = Part(LARGE, "shape_layers", SHAPES)
        self.expression_encoder = Part(LARGE, "expression_layers", EXPRESSIONS + LIDS + 3)

    def forward(self, rgb_B3HW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.pose_encoder(rgb_B3HW), self.shape_encoder(rgb_B3HW), self.expression_encoder(rgb_B3HW)


class SmirkHead:
    """Implements `HeadFit` with SMIRK and FLAME."""

    looks = True

    def __init__(self, reference: str, mesh: str):
        torch.set_num_threads(1)
        self.flame, path = Flame(mesh), resolve(reference)
        try:
            stored = torch.load(path, "cpu", weights_only=True)
            self.net = Smirk()
            self.net.load_state_dict(
                {key.removeprefix(PREFIX): value for key, value in stored.items() if key.startswith(PREFIX)}
            )
        except (OSError, EOFError, RuntimeError, AttributeError, pickle.UnpicklingError) as error:
            raise ModelError(f"{path} does not hold SMIRK's encoder (SMIRK_em1.pt does): {error}") from error
        self.net.eval()

    def fit(self, face: TrackedFace) -> Fit:
        rgb_FHWC, five_F52 = face.rgb_FHWC, face.five_F52
        lost_F = ~np.isfinite(five_F52).all((1, 2))
        known_F52 = np.where(lost_F[:, None, None], _somewhere(rgb_FHWC.shape[1]), five_F52)
        squares_F = [(face_centre(five_52), MARGIN * face_size(five_52)) for five_52 in known_F52]
        seen_F6, shape_FS, rest_FE = self._read(rgb_FHWC, squares_F)
        shape_S = np.median(shape_FS[~lost_F], 0) if not lost_F.all() else shape_FS[0]
        jaw_F = np.maximum(rest_FE[:, EXPRESSIONS + LIDS], 0)
        found = Fit(
            shape_K=shape_S,
            expression_FE=rest_FE[:, :EXPRESSIONS],
            jaw_F=jaw_F,
            pose_F3=angles(turned(seen_F6[:, :3])).astype(np.float32),
            camera_F3=_in_clip(seen_F6[:, 3:], squares_F, rgb_FHWC.shape[1]),
            landmarks_FL2=np.zeros((len(jaw_F), 0, 2), np.float32),
        )
        lips = np.unique(self.flame.lips_T3)
        return replace(found, landmarks_FL2=self._placed(found, jaw_F)[:, lips]).without(lost_F)

    def face(self, fit: Fit, jaw: float, side: int) -> Surface:
        placed_FV2 = self._placed(fit, np.full(len(fit.jaw_F), jaw))
        return Surface(placed_FV2 * side, self.flame.face_T3)

    def lips(self, fit: Fit, side: int) -> Surface:
        """Returns the lips. The landmarks are their vertices, so that a bridged frame has lips, too."""
        return Surface(
            fit.landmarks_FL2 * side, np.searchsorted(np.unique(self.flame.lips_T3), self.flame.lips_T3)
        )

    def close(self) -> None:
        """Does nothing: nothing is held but memory."""

    def _placed(self, fit: Fit, jaw_F: np.ndarray) -> np.ndarray:
        """All vertices as shares of the side, FV2."""
        jaw_F3 = np.stack([jaw_F, 0 * jaw_F, 0 * jaw_F], 1)
        upright_FV3 = self.flame.posed(fit.shape_K, fit.expression_FE, jaw_F3)
        root_3 = self.flame.about_root(fit.shape_K)
        turned_FV3 = np.einsum("fij,fvj->fvi", rotations(fit.pose_F3), upright_FV3 - root_3) + root_3
        scaled_FV2 = turned_FV3[..., :2] * np.exp(fit.camera_F3[:, 0])[:, None, None]
        return scaled_FV2 * (1, -1) + fit.camera_F3[:, None, 1:]

    def _read(self, rgb_FHWC: np.ndarray, squares_F: list) -> list[np.ndarray]:
        seen_F3HW = [
            warp(rgb, turned_square(at, side, 0.0, SIDE), (SIDE, SIDE)) / 255
            for rgb, (at, side) in zip(rgb_FHWC, squares_F, strict=True)
        ]
        with torch.inference_mode():
            answers = [self.net(part) for part in torch.from_numpy(np.stack(seen_F3HW)).split(BATCH)]
        return [torch.cat(parts).numpy() for parts in zip(*answers, strict=True)]


def _somewhere(side: int) -> np.ndarray:
    """Five points for a frame without any, which is thrown away."""
    return np.array([(0.4, 0.4), (0.6, 0.4), (0.5, 0.5), (0.42, 0.6), (0.58, 0.6)]) * side


def _in_clip(camera_F3: np.ndarray, squares_F: list, side: int) -> np.ndarray:
    """SMIRK's camera (scale, then a shift in the head's units, to -1..1 of its square) as shares of the clip's side."""
    middle_F2, half_F = (
        np.array([at for at, _ in squares_F]) / side,
        np.array([s for _, s in squares_F]) / side / 2,
    )
    scale_F = np.maximum(camera_F3[:, 0], 1e-3) * half_F
    at_F2 = middle_F2 + scale_F[:, None] * camera_F3[:, 1:] * (1, -1)
    return np.column_stack([np.log(scale_F), at_F2]).astype(np.float32)
