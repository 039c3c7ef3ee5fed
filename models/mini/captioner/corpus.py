"""Makes what the captioner learns from: frames of clips in which something comes before a face, or nothing does.

Frames are spread over a clip as the captions stage spreads them, and only those are rendered. N counts clips,
F the frames of each.
"""

import logging
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from models.mini.world_clips import FPS, centred
from models.mini.world_pictures import TRAINING, some_frames
from models.vlm.asking import evenly_spread
from models.world.body.morphable import Part
from models.world.direct import make_scene
from models.world.occluders import KINDS
from models.world.people import make_person
from models.world.render import face_mask, render
from models.world.sound.speech import speak

log = logging.getLogger(__name__)
SIDE = 64
FRAMES = 6
"""Sampled per clip."""
HIDES = 0.05
"""Share of the face that must be covered in some frame; every occluder of the world covers three times as much
when it comes, so hardly a clip is in doubt."""
SEEN = 0.01
"""Share of a picture from which on a thing in it can be pointed at."""
NOTHING = len(KINDS)
WITHOUT_OCCLUDER = (None,) * 5


@dataclass(frozen=True)
class Take:
    """Some frames of one clip, and what is before the face in them."""

    rgb_FCHW: Tensor
    """uint8, as large as the captioner sees it."""
    occluder_FHW: Tensor
    """bool, as large as it was rendered."""
    kind: int
    """Number of what hides the face, in KINDS; NOTHING when nothing does."""
    fps: float
    """Of the frames given."""


def counts_as_occluded(occluder_FHW: np.ndarray, face_FHW: np.ndarray) -> bool:
    """Says whether a clip counts as occluded, in training and measuring alike: the face is covered in some frame."""
    covered_F = (occluder_FHW & face_FHW).sum((1, 2)) / np.maximum(face_FHW.sum((1, 2)), 1)
    return bool(covered_F.max() >= HIDES)


def box_of(occluder_HW: np.ndarray) -> tuple[float, float, float, float] | None:
    """Returns left, top, right and bottom as shares of the picture; None where there is too little to see."""
    if occluder_HW.mean() < SEEN:
        return None
    rows, columns = (np.flatnonzero(occluder_HW.any(axis)) for axis in (1, 0))
    high, wide = occluder_HW.shape
    return columns[0] / wide, rows[0] / high, (columns[-1] + 1) / wide, (rows[-1] + 1) / high


def make_take(seed: int, person: int, kind: str | None, seen_side: int) -> Take:
    """Makes a clip of one to four seconds, of which only the sampled frames are rendered."""
    rng = np.random.default_rng([seed, person, 7])
    total = int(rng.integers(FPS, 4 * FPS))
    at = evenly_spread(total, FRAMES)
    scene = make_scene(rng, make_person(person), total, occluder=kind, framing="close")
    mouth_F3 = speak(rng, total / FPS).mouth(FPS, total)[at]
    scene = centred(some_frames(scene, at), mouth_F3, rng)
    done = render(scene, mouth_F3, (SIDE, SIDE))
    occluder_FHW = done.labels_FHW == Part.OCCLUDER
    covered = kind is not None and counts_as_occluded(occluder_FHW, face_mask(scene, (SIDE, SIDE)))
    number = KINDS.index(kind) if kind is not None and covered else NOTHING
    return Take(
        scaled(done.rgb_FHWC, seen_side), torch.from_numpy(occluder_FHW), number, FRAMES * FPS / total
    )


def scaled(rgb_FHWC: np.ndarray, side: int) -> Tensor:
    """Scales frames as the captioner's processor does, to FCHW."""
    rgb_FCHW = torch.from_numpy(rgb_FHWC).permute(0, 3, 1, 2).float()
    scaled_FCHW = interpolate(rgb_FCHW, (side, side), mode="bicubic", antialias=True)
    return scaled_FCHW.round().clamp(0, 255).to(torch.uint8)


def make_takes(seed: int, count: int, seen_side: int) -> list[Take]:
    """Makes takes, each of another person; kinds in turn, and about a third without anything before the face."""
    kinds = (*KINDS, *WITHOUT_OCCLUDER)
    people = range(TRAINING, TRAINING + count)
    takes = [make_take(seed, person, kinds[n % len(kinds)], seen_side) for n, person in enumerate(people)]
    log.info("%d clips, %d frames", count, count * FRAMES)
    return takes
