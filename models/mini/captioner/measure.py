"""Measures a captioner on strangers: whether it names and boxes what hides a face, and nothing where nothing does."""

import numpy as np

from models.mini.captioner.corpus import FRAMES, SIDE, box_of, counts_as_occluded
from models.mini.captioner.lessons import SIZES
from models.mini.world_clips import FPS, Clip, make_clip
from models.vlm.answers import Box
from models.vlm.asking import Asking, ClipAnswer, SampledClip, ask_about, evenly_spread
from models.vlm.prompts import GROUNDING, QUESTION
from models.vlm.qwen import Qwen
from models.world.occluders import KINDS

FLOORS = {"named_right": 0.9, "none_when_none": 0.95, "box_iou": 0.6}
AT_ONCE = 8
"""People whose clips are asked about in one batch while measuring."""


def measure(reference: str, people: int, frames: int = 50, seed: int = 77) -> dict[str, float]:
    """Measures two clips of each stranger, one with something before the face, asked as the captions stage asks.

    `box_iou`: with the thing's true box on the frame that was chosen, over clips named right; 0 where it was
    pointed at nowhere. `unparsable`: clips of which any reply could not be read or used.
    """
    vlm, asking = Qwen(reference, SIZES), Asking(QUESTION, GROUNDING, FRAMES // 2, 5)
    right, bare, ious, unread = [], [], [], []
    for first in range(0, people, AT_ONCE):
        clips = [
            clip for person in range(people)[first : first + AT_ONCE] for clip in _two(seed, person, frames)
        ]
        for clip, seen in zip(clips, ask_about(vlm, [_sampled(clip) for clip in clips], asking), strict=True):
            unread.append(bool(seen.unclear or any(seen.refused.values())))
            if clip.occluder is None:
                bare.append(not seen.unclear and not seen.phrases)
            elif counts_as_occluded(clip.occluder_FHW, clip.face_FHW):
                right.append(seen.phrases == [clip.occluder])
                ious += [_iou(seen, clip)] if right[-1] else []
    answers: dict[str, list] = {
        "named_right": right,
        "none_when_none": bare,
        "box_iou": ious,
        "unparsable": unread,
    }
    return {key: round(float(np.mean(values)), 4) if values else 0.0 for key, values in answers.items()}


def _two(seed: int, person: int, frames: int) -> tuple[Clip, Clip]:
    hidden = make_clip(seed, person, frames, SIDE, kind=KINDS[person % len(KINDS)])
    return hidden, make_clip(seed + 1, person, frames, SIDE, occluded=0.0)


def _sampled(clip: Clip) -> SampledClip:
    frames = len(clip.rgb_FHWC)
    at_F = evenly_spread(frames, FRAMES)
    return SampledClip(clip.rgb_FHWC[at_F], at_F, FPS * FRAMES / frames)


def _iou(seen: ClipAnswer, clip: Clip) -> float:
    found = seen.found.get(clip.occluder or "")
    truth = box_of(clip.occluder_FHW[found.frame]) if found else None
    return overlap(found.boxes[0], truth) if found and truth else 0.0


def overlap(one: Box, other: Box) -> float:
    """Returns the area that two boxes share over the area of both."""
    wide, high = (min(one[n + 2], other[n + 2]) - max(one[n], other[n]) for n in (0, 1))
    shared = max(wide, 0.0) * max(high, 0.0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)
