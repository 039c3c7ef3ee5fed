"""Fits the procedural world's own morphable head, by our encoder's coefficients."""

import json
from dataclasses import replace

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from models.faces.nets import CROP
from models.faces.warp import scaling, warp
from models.heads.coefficients import FRAME_COEFFICIENTS, LIPS, SHAPE_COEFFICIENTS
from models.heads.encoder import HeadEncoder, encoder_view
from models.heads.fit import Fit, Surface, TrackedFace, fan
from models.weights.references import ModelError, resolve
from models.world.body.head import head
from models.world.body.morphable import JAW_OPEN
from models.world.mesh import PART_OPENING
from models.world.raster import CAMERA_Z
from models.world.render import face_triangles

BATCH = 64
PRESENT = 0.5
AT_REST = ("width", "protrusion")
"""What is set to rest, beside the jaw, before the face is drawn: in profile it would show in the outline."""
_REFUSAL = (
    "{path} does not hold the mini head encoder: {error}; `python -m models.mini.headfit` makes it anew"
)


class MiniHead:
    """Implements `HeadFit`. Runs on one thread, as workers are one to a core."""

    looks = True

    def __init__(self, reference: str):
        torch.set_num_threads(1)
        self.model = head()
        path = resolve(reference)
        try:
            with safe_open(path, "pt") as stored:
                about = json.loads(stored.metadata()["about"])
                if (about["moves"], about["shapes"]) != (list(FRAME_COEFFICIENTS), list(SHAPE_COEFFICIENTS)):
                    raise ValueError("its numbers are named otherwise")
                self.net = HeadEncoder(self.model.landmark_names)
                self.net.load_state_dict({key: stored.get_tensor(key) for key in stored.keys()})  # noqa: SIM118
        except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelError(_REFUSAL.format(path=path, error=error)) from error
        self.net.eval().to(memory_format=torch.channels_last)

    def fit(self, face: TrackedFace) -> Fit:
        """Fits the head. There is one face in the world's clips, in the middle: the encoder need not be told which."""
        assert len(face.five_F52) == len(face.rgb_FHWC)
        shape_S, moves_FM, lost_F = self._read(face.rgb_FHWC)
        move = dict(zip(FRAME_COEFFICIENTS, moves_FM.T, strict=True))
        opening_F = np.clip(move["opening"], 0, 1)
        move |= {"part": np.clip(opening_F / PART_OPENING, 0, 1), "blink": np.clip(move["blink"], 0, None)}
        shape_K = np.zeros(len(self.model.identity_names), np.float32)
        shape_K[[self.model.identity_names.index(name) for name in SHAPE_COEFFICIENTS]] = shape_S
        expression_FE = np.stack([move[name] for name in self.model.expression_names], 1)
        pose_F3, camera_F3 = (
            np.stack([move[name] for name in names], 1)
            for names in (("yaw", "pitch", "roll"), ("scale", "x", "y"))
        )
        found = Fit(shape_K, expression_FE, JAW_OPEN * opening_F, pose_F3, camera_F3, np.empty(0, np.float32))
        landmarks_FL2 = self.model.landmarks(self._placed(found, expression_FE, found.jaw_F))
        return replace(found, landmarks_FL2=landmarks_FL2).without(lost_F)

    def face(self, fit: Fit, jaw: float, side: int) -> Surface:
        jaw_F, expression_FE = np.full(len(fit.jaw_F), jaw), fit.expression_FE.copy()
        for name in AT_REST:
            expression_FE[:, self.model.expression_names.index(name)] = 0
        part = min(jaw / JAW_OPEN / PART_OPENING, 1)
        expression_FE[:, self.model.expression_names.index("part")] = part
        return Surface(self._placed(fit, expression_FE, jaw_F) * side, face_triangles(self.model))

    def lips(self, fit: Fit, side: int) -> Surface:
        ring = [self.model.landmark_names.index(name) for name in LIPS]
        return Surface(fit.landmarks_FL2 * side, fan(ring))

    def close(self) -> None:
        """Does nothing: nothing is held but memory."""

    def _placed(self, fit: Fit, expression_FE: np.ndarray, jaw_F: np.ndarray) -> np.ndarray:
        """All vertices as shares of the side, FV2: the renderer's camera."""
        posed_FV3 = self.model.pose(fit.shape_K, expression_FE, jaw_F, fit.pose_F3)
        scale_F1, x_F1, y_F1 = (column[:, None] for column in fit.camera_F3.T)
        unit_FV = CAMERA_Z * np.exp(scale_F1) / (CAMERA_Z - posed_FV3[..., 2])
        return np.stack([x_F1 + posed_FV3[..., 0] * unit_FV, y_F1 - posed_FV3[..., 1] * unit_FV], -1)

    def _read(self, rgb_FHWC: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The shape, the moves, and in which frames there is no face."""
        shrink, first = encoder_view(rgb_FHWC.shape[1])
        to_clip_23 = scaling(shrink)
        to_clip_23[:, 2] = first
        seen_F3HW = torch.from_numpy(np.stack([warp(rgb, to_clip_23, (CROP, CROP)) for rgb in rgb_FHWC]))
        with torch.inference_mode():
            looks = [self.net.frame_features(part) for part in seen_F3HW.split(BATCH)]
            known_FD, present_F = (torch.cat([look[n] for look in looks]) for n in (0, 2))
            shape_1S, moves_1FM = self.net.coefficients(known_FD[None], present_F[None])
        lost_F = ~(present_F.sigmoid() >= PRESENT).numpy()
        return shape_1S[0].numpy(), moves_1FM[0].numpy().copy(), lost_F
