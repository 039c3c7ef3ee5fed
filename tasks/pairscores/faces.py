"""Finds the landmarks of both halves of a pair: by the same network, near the same place, from the same kind of file."""

import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from models.faces.boxes import Box, hull
from models.faces.face import FaceBackend
from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.media.encode import encode_video
from tasks.pairscores.frames import OpenPair, Refused


@dataclass(frozen=True)
class PairFaces:
    """Landmarks of a pair, in the back-end's order; NaN where no face was found. F frames, K points."""

    clip_FK2: np.ndarray
    made_FK2: np.ndarray
    five_F52: np.ndarray
    """The clip's."""
    again_FK2: np.ndarray
    """Of the clip encoded once more; NaN on all frames but those that were."""
    lost_share: float


def look_at(pair: OpenPair, face: FaceBackend, noise_frames: int, crf: int, max_lost: float) -> PairFaces:
    """Looks where the clip's track is. The clip is looked at anew: its track is of the source, which is another file."""
    boxes = [hull(points_K2) if np.isfinite(points_K2).all() else None for points_K2 in pair.track.points_TK2]
    clip_FK2, five_F52 = _points(face, pair.clip_FHWC, boxes)
    known_N = np.flatnonzero(np.isfinite(clip_FK2).all((1, 2)))
    if not len(known_N):
        raise Refused("no_face", "no face is found in the clip where its track is")
    made_FK2, _ = _points(face, pair.made_FHWC, boxes)
    lost = float(np.isnan(made_FK2[known_N]).any((1, 2)).mean())
    if lost > max_lost or lost == 1:
        raise Refused(
            "face_lost",
            f"no face is found in {lost:.0%} of the companion's frames where the clip has one; at most {max_lost:.0%}",
        )
    part = slice(known_N[0], known_N[0] + noise_frames)
    again_FK2 = np.full_like(clip_FK2, np.nan)
    again_FK2[part], _ = _points(face, _recoded(pair.clip_FHWC[part], pair.fps, crf), boxes[part])
    return PairFaces(clip_FK2, made_FK2, five_F52, again_FK2, lost)


def _points(
    face: FaceBackend, rgb_FHWC: Iterable[np.ndarray], boxes: list[Box | None]
) -> tuple[np.ndarray, np.ndarray]:
    """All points and the five of each frame; a frame that has none is NaN in both."""
    shapes = [box and face.shape(rgb_HWC, box) for rgb_HWC, box in zip(rgb_FHWC, boxes, strict=True)]
    count = next((len(shape.points_K2) for shape in shapes if shape), 0)
    points = [shape.points_K2 if shape else np.full((count, 2), np.nan) for shape in shapes]
    five = [shape.five_52 if shape else np.full((5, 2), np.nan) for shape in shapes]
    return np.stack(points).astype(np.float64), np.stack(five).astype(np.float64)


def _recoded(rgb_FHWC: np.ndarray, fps: float, crf: int) -> np.ndarray:
    with open_media(io.BytesIO(encode_video(None, rgb_FHWC, fps, crf=crf))) as media:
        return np.stack(list(decode_video(media)))
