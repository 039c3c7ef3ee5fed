"""Measures a SAM 2 on strangers: how well it follows what hides a face from a box on one frame."""

import numpy as np

from models.mini.sam2.corpus import CLIP_SIDE, jittered
from models.mini.sam2.train import FEW_PIXELS
from models.mini.world_clips import Clip, make_clip
from models.segment.sam2 import Sam2Segmenter
from models.segment.segmenter import Prompt, box_of

FLOORS = {"mask_iou": 0.8}


def measure(reference: str, people: int, frames: int = 50, seed: int = 77) -> dict[str, float]:
    """Follows what is before strangers' faces for two seconds, from its true box, a little off, on one frame.

    `mask_iou`: mean over all frames with at least `FEW_PIXELS` pixels of the thing. `object_gone`: how many of the
    frames without any are said to be so.
    """
    segmenter = Sam2Segmenter(reference)
    iou, first, gone = [], [], []
    for person in range(people):
        clip = make_clip(seed, person, frames, CLIP_SIDE, occluded=1.0)
        rng = np.random.default_rng([seed, person])
        iou_F, prompted = iou_by_frame(segmenter, clip, rng)
        area_F = clip.occluder_FHW.sum((1, 2))
        iou += list(np.delete(iou_F, prompted)[np.delete(area_F, prompted) >= FEW_PIXELS])
        first.append(iou_F[prompted])
        gone += list(iou_F[area_F == 0])
    numbers = {
        "mask_iou": np.mean(iou),
        "mask_iou_first_frame": np.mean(first),
        "object_gone": np.mean(gone or [1.0]),
    }
    return {name: round(float(value), 4) for name, value in numbers.items()}


def iou_by_frame(segmenter: Sam2Segmenter, clip: Clip, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Returns the IoU on each frame (1 where there is rightly nothing), and the frame with the box."""
    area_F = clip.occluder_FHW.sum((1, 2))
    prompted = int(rng.choice(np.flatnonzero(area_F >= 0.5 * area_F.max())))
    box = jittered(box_of(clip.occluder_FHW[prompted]), CLIP_SIDE, rng)
    (found,) = segmenter.propagate(clip.rgb_FHWC, [Prompt(prompted, box)])
    both_F = (found.mask_FHW & clip.occluder_FHW).sum((1, 2))
    either_F = (found.mask_FHW | clip.occluder_FHW).sum((1, 2))
    return np.where(either_F > 0, both_F / np.maximum(either_F, 1), 1.0), prompted
