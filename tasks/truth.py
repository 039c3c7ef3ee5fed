"""Keeps what is true of a rendered take, frame by frame, as one .npz: the measure of everything built on it."""

import io
import json
from dataclasses import dataclass, replace

import numpy as np

SPEECH = ("opening", "width", "protrusion")
"""Coefficients of the procedural head that speech moves; only these differ inside an aligned pair."""


@dataclass(frozen=True)
class Truth:
    """All that is known of F frames. What a renderer does not know is there with length zero."""

    names: tuple[str, ...]
    """Of the coefficients, in order."""
    coefficients_FC: np.ndarray
    shape_K: np.ndarray
    """Identity, in the head model's basis."""
    landmarks_FL2: np.ndarray
    """Pixels of the video; the order is the head model's."""
    visible_FL: np.ndarray
    five_F52: np.ndarray
    """Eyes, nose tip, corners of the mouth, as in models/faces/face.py."""
    face_FHW: np.ndarray
    """bool: the face with its jaw at a fixed opening, whatever is in front of it."""
    occluder_FHW: np.ndarray
    phones: tuple[tuple[str, float, float], ...]
    """Name, start and end in seconds."""

    def speech(self) -> np.ndarray:
        """Opening, width and protrusion of the mouth: speech_F3."""
        return self.coefficients_FC[:, [self.names.index(name) for name in SPEECH]]

    def to_bytes(self) -> bytes:
        out = io.BytesIO()
        np.savez_compressed(
            out,
            names=np.array(self.names),
            coefficients_FC=self.coefficients_FC.astype(np.float32),
            shape_K=self.shape_K.astype(np.float32),
            landmarks_FL2=self.landmarks_FL2.astype(np.float32),
            visible_FL=self.visible_FL.astype(bool),
            five_F52=self.five_F52.astype(np.float32),
            masks_shape=np.array(self.face_FHW.shape),
            face=np.packbits(self.face_FHW),
            occluder=np.packbits(self.occluder_FHW),
            phones=np.array(json.dumps(self.phones)),
        )
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Truth":
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            shape = tuple(int(n) for n in arrays["masks_shape"])
            return cls(
                names=tuple(str(name) for name in arrays["names"]),
                coefficients_FC=arrays["coefficients_FC"],
                shape_K=arrays["shape_K"],
                landmarks_FL2=arrays["landmarks_FL2"],
                visible_FL=arrays["visible_FL"],
                five_F52=arrays["five_F52"],
                face_FHW=_unpacked(arrays["face"], shape),
                occluder_FHW=_unpacked(arrays["occluder"], shape),
                phones=tuple((str(n), float(a), float(b)) for n, a, b in json.loads(str(arrays["phones"]))),
            )

    def cut(self, start: int, stop: int) -> "Truth":
        """Frames start..stop; phones stay as they are."""
        per_frame = ("coefficients_FC", "landmarks_FL2", "visible_FL", "five_F52", "face_FHW", "occluder_FHW")
        return replace(self, **{name: getattr(self, name)[start:stop] for name in per_frame})


def _unpacked(packed: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.unpackbits(packed, count=int(np.prod(shape))).reshape(shape).astype(bool)
