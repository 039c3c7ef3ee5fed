"""Makes what the mini SyncNet learns from: crops of talking faces, and the sound that belongs to each frame."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.mini.world_clips import Clip, make_clip
from models.sync.net import FRAMES
from models.sync.net import MINI as SIZES
from models.sync.syncnet import crops, sound_windows

JITTER = 0.02
"""Error of the five points, over the distance of the eyes: as a landmark network leaves it."""


@dataclass(frozen=True)
class Plan:
    """How the mini SyncNet is trained."""

    seed: int = 1
    clips: int = 600
    """Each of another person."""
    frames: int = 40
    steps: int = 600
    batch: int = 8
    windows: int = 18
    """Of a clip in a step, in a row."""
    rate: float = 2e-3
    strangers: int = 100


@dataclass(frozen=True)
class Lesson:
    """One clip to learn from."""

    bgr_F3HW: np.ndarray
    """uint8, with SIZES.room pixels more to each side than the network takes."""
    heard_NCT: np.ndarray
    """Window n begins with frame n."""


def noisy_five(clip: Clip, seed: int) -> np.ndarray:
    """Returns the clip's five points as a landmark network would have found them."""
    rng = np.random.default_rng([seed, clip.person, 6])
    apart_F = np.linalg.norm(clip.five_F52[:, 1] - clip.five_F52[:, 0], axis=-1)
    return clip.five_F52 + rng.normal(0, JITTER, clip.five_F52.shape) * apart_F[:, None, None]


def make_lesson(plan: Plan, person: int) -> Lesson:
    """Makes one person's clip, and its crops."""
    clip = make_clip(plan.seed, person, plan.frames, occluded=0.2)
    made = crops(clip.rgb_FHWC, noisy_five(clip, plan.seed), SIZES.roomy())
    return Lesson(made, sound_windows(clip.sound))


def batch(lessons: list[Lesson], count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Draws as many windows in a row of each lesson: (clips, F, 3, H, W) and (clips, windows, C, T)."""
    seen, heard = [], []
    for lesson in lessons:
        first = int(rng.integers(len(lesson.heard_NCT) - count + 1))
        x, y = rng.integers(0, 2 * SIZES.room + 1, 2)
        frames = lesson.bgr_F3HW[first : first + count + FRAMES - 1]
        crop_F3HW = frames[:, :, y : y + SIZES.side, x : x + SIZES.side]
        seen.append(crop_F3HW[..., ::-1] if rng.random() < 0.5 else crop_F3HW)
        heard.append(lesson.heard_NCT[first : first + count])
    return torch.from_numpy(np.stack(seen)), torch.from_numpy(np.stack(heard))
