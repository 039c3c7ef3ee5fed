"""Finds the landmarks of both halves of a pair: by the same network, near the same place, from the same kind of file."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from models.faces.boxes import Box, hull
from models.faces.face import FaceBackend, Shape
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
    first: int
    """Frame from which on the clip was encoded once more."""
    again_NK2: np.ndarray
    """Points found in that."""
    lost_share: float


def look_at(pair: OpenPair, face: FaceBackend, noise_frames: int, crf: int, max_lost: float) -> PairFaces:
    """Looks where the clip's track is. The clip is looked at anew: its track is of the source, which is another file."""
    boxes = [hull(points_K2) if np.isfinite(points_K2).all() else None for points_K2 in pair.track.points_TK2]
    clip = _shapes(face, pair.clip_FHWC, boxes)
    known = [f for f, shape in enumerate(clip) if shape is not None]
    if not known:
        raise Refused("no_face", "no face is found in the clip where its track is")
    made = _shapes(face, pair.made_FHWC, boxes)
    lost = _share_lost([made[f] for f in known], max_lost)
    part = slice(known[0], known[0] + noise_frames)
    again = _shapes(face, _recoded(pair.clip_FHWC[part], pair.fps, crf), boxes[part])
    clip_FK2, made_FK2, again_NK2 = _points([clip, made, again])
    five = [shape.five_52 if shape else np.full((5, 2), np.nan) for shape in clip]
    return PairFaces(clip_FK2, made_FK2, np.stack(five), known[0], again_NK2, lost)


def _shapes(
    face: FaceBackend, rgb_FHWC: Iterable[np.ndarray], boxes: Sequence[Box | None]
) -> list[Shape | None]:
    return [box and face.shape(rgb_HWC, box) for rgb_HWC, box in zip(rgb_FHWC, boxes, strict=True)]


def _share_lost(made: Sequence[Shape | None], most: float) -> float:
    lost = sum(shape is None for shape in made) / len(made)
    if lost > most or lost == 1:
        raise Refused(
            "face_lost",
            f"no face is found in {lost:.0%} of the companion's frames where the clip has one; at most {most:.0%}",
        )
    return lost


def _points(films: Sequence[Sequence[Shape | None]]) -> list[np.ndarray]:
    """Of each film the points of all frames, NaN where there is no shape; one shape at least there is."""
    found = next(shape.points_K2 for shapes in films for shape in shapes if shape)
    nowhere_K2 = np.full_like(found, np.nan)
    return [np.stack([shape.points_K2 if shape else nowhere_K2 for shape in shapes]) for shapes in films]


def _recoded(rgb_FHWC: np.ndarray, fps: float, crf: int) -> np.ndarray:
    with open_media(io.BytesIO(encode_video(None, rgb_FHWC, fps, crf=crf))) as media:
        return np.stack(list(decode_video(media)))
