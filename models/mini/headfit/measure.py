"""Measures how well a head back-end fits strangers, and what its masks tell of their mouths."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.heads import load_head
from models.heads.fit import Fit, HeadFit, Surface, TrackedFace
from models.heads.masks import face_mask, filled
from models.heads.mouth_leak import mouth_r2
from models.heads.smoothing import bridged, smoothed
from models.mini.world_clips import Clip, make_clip
from models.world.body.head import head
from models.world.body.morphable import JAW_OPEN
from models.world.mesh import expressions, pose
from models.world.render import face_triangles, project

SEED, FRAMES, SIDE = 4, 50, 64
SMOOTH, DILATE = 1.5, 0.02
"""As in the stage `facemask`, whose masks these are but for the coding of the clip."""
FLOORS: dict[str, float | tuple[float | None, float | None]] = {
    "mask_iou": 0.9,
    "opening_r2": 0.8,
    "width_r2": 0.8,
    "protrusion_r2": 0.8,
    "leak_r2": (None, 0.1),
}
"""The least that will do, or the least and the most."""


@dataclass(frozen=True)
class Judged:
    """One clip, its fit, and the masks that follow from that."""

    clip: Clip
    fit: Fit
    mesh_FHW: np.ndarray
    """The face as the fit has it, ..."""
    mask_FHW: np.ndarray
    """... and widened, as the stage stores it."""


def measure(reference: str, people: int) -> dict[str, float]:
    """Measures the encoder on that many strangers, one clip each; `leak_r2` needs eight at least."""
    fitter = load_head("mini", reference)
    judged = [judge(fitter, make_clip(SEED, person, FRAMES, SIDE)) for person in range(people)]
    bare = [one for one in judged if one.clip.occluder is None]
    said, seen = (np.concatenate([mouths(one)[n] for one in bare]) for n in range(2))
    numbers = {
        "people": float(people),
        "mask_iou": np.mean([iou(one.mesh_FHW, one.clip.face_FHW) for one in judged]),
        "mask_iou_worst_tenth": np.quantile([iou(one.mesh_FHW, one.clip.face_FHW) for one in judged], 0.1),
        "covered": np.mean([covered(one) for one in judged]),
        "lost": np.mean([(~one.fit.seen_F).mean() for one in judged]),
        "landmarks": np.mean([landmarks_off(one) for one in judged]),
        **{
            f"{name}_r2": r2(said[:, n], seen[:, n])
            for n, name in enumerate(("opening", "width", "protrusion"))
        },
        "leak_r2": mouth_r2([one.mask_FHW for one in judged], [one.clip.mouth_F3[:, 0] for one in judged]),
        "leak_r2_of_boxes": mouth_r2(*boxes_and_mouths([one.clip for one in judged])),
    }
    return {name: round(float(value), 4) for name, value in numbers.items()}


def judge(fitter: HeadFit, clip: Clip) -> Judged:
    """Fits one clip, and draws the masks."""
    fit = fitter.fit(TrackedFace(clip.rgb_FHWC, clip.five_F52))
    face = fitter.face(smoothed(bridged(fit), SMOOTH), JAW_OPEN, SIDE)
    return Judged(clip, fit, filled(face, SIDE), face_mask(face, SIDE, DILATE))


def mouths(one: Judged) -> tuple[np.ndarray, np.ndarray]:
    """Returns what the head's mouth did and what was read of it, F3 each."""
    names = [head().expression_names.index(name) for name in ("width", "protrusion")]
    said_FE = expressions(one.clip.scene, one.clip.mouth_F3)
    fit = bridged(one.fit)
    pairs = ((one.clip.mouth_F3[:, 0], said_FE), (fit.jaw_F / JAW_OPEN, fit.expression_FE))
    said_F3, seen_F3 = (np.column_stack([opening_F, rows_FE[:, names]]) for opening_F, rows_FE in pairs)
    return said_F3, seen_F3


def covered(one: Judged) -> float:
    """Returns the share of the face as it really is, with its real mouth, that the stored mask covers."""
    scene = one.clip.scene
    xy_FV2, _ = project(scene, pose(scene, one.clip.mouth_F3), (SIDE, SIDE))
    real_FHW = filled(Surface(xy_FV2, face_triangles(head())), SIDE)
    return float((real_FHW & one.mask_FHW).sum() / real_FHW.sum())


def landmarks_off(one: Judged) -> float:
    """Returns the mean distance of the landmarks in sight, as a share of the picture's side."""
    off_FL = np.linalg.norm(bridged(one.fit).landmarks_FL2 - one.clip.landmarks_FL2 / SIDE, axis=2)
    return float(off_FL[one.clip.visible_FL].mean())


def boxes_and_mouths(clips: Sequence[Clip]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Returns the classic masks of the lower half of a face, and the mouths.

    Such a mask goes from the nose to the chin, wherever that is now.
    """
    return [half_face_box(clip) for clip in clips], [clip.mouth_F3[:, 0] for clip in clips]


def half_face_box(clip: Clip) -> np.ndarray:
    """Returns that mask of one clip."""
    names = ("nose_middle", "chin", "left_jaw_4", "right_jaw_4")
    top, chin, left, right = (clip.landmarks_FL2[:, head().landmark_names.index(name)] for name in names)
    y_1H1, x_11W = np.arange(SIDE)[None, :, None], np.arange(SIDE)[None, None]
    inside = [y_1H1 >= top[:, 1, None, None], y_1H1 <= chin[:, 1, None, None]]
    inside += [x_11W >= left[:, 0, None, None], x_11W <= right[:, 0, None, None]]
    return np.logical_and.reduce(np.broadcast_arrays(*inside))


def iou(one_FHW: np.ndarray, other_FHW: np.ndarray) -> float:
    """Returns the intersection of two masks over their union."""
    return float((one_FHW & other_FHW).sum() / max((one_FHW | other_FHW).sum(), 1))


def r2(true_N: np.ndarray, guess_N: np.ndarray) -> float:
    """Returns the share of the variance that the guesses explain."""
    return float(1 - ((true_N - guess_N) ** 2).mean() / true_N.var())
