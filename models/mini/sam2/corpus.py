"""Makes what the mini SAM 2 learns from: frames of clips, a box on the first, the mask of the thing in it on all.

B clips, T frames.
"""

import logging
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import Sam2VideoVideoProcessor as VideoProcessor

from models.mini.augment import vary
from models.mini.world_clips import make_clip
from models.mini.world_pictures import TRAINING
from models.segment.mini import SIDE
from models.segment.segmenter import Box, box_of

log = logging.getLogger(__name__)

CLIP_SIDE = 64
LENGTHS = (8, 16, 40)
"""Frames of a scene in training: in a short one the thing stays, in a long one it comes and goes."""
FRAMES_KEPT = 8
"""Frames of a scene that are learned from."""
LEAST_PIXELS = 24
"""Pixels of a thing that somebody would draw a box round."""


@dataclass(frozen=True)
class Plan:
    """How the mini SAM 2 is trained."""

    seed: int = 1
    scenes: int = 1400
    """One of each person."""
    occluded: float = 0.93
    image_steps: int = 1000
    image_batch: int = 16
    image_rate: float = 1e-3
    track_steps: int = 900
    track_batch: int = 8
    track_frames: int = 4
    track_rate: float = 6e-4
    polish_steps: int = 900
    polish_rate: float = 4e-4
    strangers: int = 40


@dataclass(frozen=True)
class Take:
    """Some frames of a scene, and where the thing in front of the face is."""

    rgb_FHWC: np.ndarray
    mask_FHW: np.ndarray


def takes(plan: Plan) -> list[Take]:
    """Makes a take of each scene."""
    rng = np.random.default_rng([plan.seed, 5])
    made = []
    for person in range(TRAINING, TRAINING + plan.scenes):
        frames = int(rng.choice(LENGTHS))
        clip = make_clip(plan.seed, person, frames, CLIP_SIDE, occluded=plan.occluded)
        stride = int(rng.integers(1, frames // FRAMES_KEPT + 1))
        first = int(rng.integers(0, frames - stride * (FRAMES_KEPT - 1)))
        some = slice(first, first + stride * FRAMES_KEPT, stride)
        made.append(Take(clip.rgb_FHWC[some], clip.occluder_FHW[some]))
    log.info("%d scenes", len(made))
    return made


def jittered(box: Box, side: int, rng: np.random.Generator) -> Box:
    """Makes a box as loose as somebody's who points at it; still inside the picture, and not upside down."""
    x0, y0, x1, y1 = box
    size_4 = np.array([x1 - x0, y1 - y0] * 2)
    off_4 = np.array(box) + rng.normal(0, 0.05, 4) * size_4 + rng.normal(0, side / 64, 4)
    low_2, high_2 = np.minimum(off_4[:2], off_4[2:] - 2), np.maximum(off_4[2:], off_4[:2] + 2)
    x0, y0, x1, y1 = np.clip([*low_2, *high_2], 0, side)
    return float(x0), float(y0), float(x1), float(y1)


def frames_and_box(take: Take, frames: int, rng: np.random.Generator) -> tuple[list[int], Box]:
    """Chooses the frame with the box, then others in order, to either side of it and perhaps after a gap."""
    count = len(take.rgb_FHWC)
    area_F = take.mask_FHW.sum((1, 2))
    clear_F = np.flatnonzero(area_F >= max(LEAST_PIXELS, 0.3 * area_F.max()))
    prompted = int(rng.choice(clear_F)) if len(clear_F) else int(rng.integers(count))
    sides = [list(range(prompted + 1, count)), list(range(prompted - 1, -1, -1))]
    rest = [side for side in sides if len(side) >= frames - 1]
    chosen = rest[int(rng.integers(len(rest)))]
    gap = int(rng.integers(0, len(chosen) - frames + 2))
    box = box_of(take.mask_FHW[prompted]) if len(clear_F) else _anywhere(rng)
    return [prompted, *chosen[gap : gap + frames - 1]], jittered(box, CLIP_SIDE, rng)


def _anywhere(rng: np.random.Generator) -> Box:
    """Round nothing: sometimes what is asked for isn't there."""
    x, y = rng.uniform(0.1, 0.9, 2) * CLIP_SIDE
    width, height = rng.uniform(0.1, 0.5, 2) * CLIP_SIDE
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


@dataclass(frozen=True)
class Batch:
    """Some clips as the model takes them, and the masks it has to find."""

    pixels_BT3HW: Tensor
    box_B4: Tensor
    """In the model's pixels."""
    mask_BTHW: Tensor


def batch(
    made: list[Take], clips: int, frames: int, rng: np.random.Generator, noise: torch.Generator
) -> Batch:
    """Draws some takes, and varies them."""
    rgbs, masks, boxes = [], [], []
    for number in rng.choice(len(made), clips, replace=False):
        some, (x0, y0, x1, y1) = frames_and_box(made[number], frames, rng)
        rgb_THWC, mask_THW = made[number].rgb_FHWC[some], made[number].mask_FHW[some]
        if rng.random() < 0.5:
            rgb_THWC, mask_THW, x0, x1 = (
                rgb_THWC[:, :, ::-1],
                mask_THW[:, :, ::-1],
                CLIP_SIDE - x1,
                CLIP_SIDE - x0,
            )
        rgbs.append(rgb_THWC)
        masks.append(mask_THW)
        boxes.append((x0, y0, x1, y1))
    rgb_BTHWC = torch.from_numpy(np.stack(rgbs))
    # As one tall picture, so that a clip's frames share their exposure.
    tall_B3HW = rgb_BTHWC.flatten(1, 2).permute(0, 3, 1, 2).float()
    varied_BT3HW = vary(tall_B3HW, noise).unflatten(2, (frames, CLIP_SIDE)).transpose(1, 2)
    box_B4 = torch.tensor(boxes) * SIDE / CLIP_SIDE
    return Batch(pixels(varied_BT3HW), box_B4, torch.from_numpy(np.stack(masks)).float())


def pixels(rgb_BT3HW: Tensor) -> Tensor:
    """Prepares frames as the processor does."""
    made = VideoProcessor()
    mean_311, std_311 = (torch.tensor(three).view(3, 1, 1) for three in (made.image_mean, made.image_std))
    large = interpolate(rgb_BT3HW.flatten(0, 1), size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    return ((large / 255 - mean_311) / std_311).unflatten(0, rgb_BT3HW.shape[:2])
