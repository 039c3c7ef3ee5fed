"""Trains the mini SyncNet on talking heads of the procedural world, and measures it on strangers.

    python -m models.mini.syncnet

writes models/mini/weights/syncnet.safetensors and prints the report. The lips of five frames have to find their
own sound among that of the same clip at other times: nothing about the speaker helps, only the movement.
"""

import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from models.mini.augment import vary
from models.mini.clips import Clip, make_clip
from models.mini.corpus import TRAINING
from models.mini.face import seeded, train
from models.mini.shipping import Numbers, described, ship
from models.sync.net import FRAMES, Net, Sizes
from models.sync.syncnet import REACH, SyncNet, crops, distances, judge, listen

log = logging.getLogger(__name__)
SIZES = Sizes(
    side=64,
    lips=(24, 48, 64, 64, 64, 128),
    sound=(24, 48, 64, 64, 64, 128),
    hidden=128,
    vector=128,
    wide=0.85,
    down=0.27,
)
"""The lower half of the face only: in clips of 64 pixels the mouth has but a dozen."""
JITTER = 0.02
"""Error of the five points, over the distance of the eyes: as a landmark network leaves it."""
ROOM = 4
"""Pixels to either side by which training crops are moved."""
SHIFTS = range(2, 13)
"""Frames by which the sound is moved in the report."""
FLOORS = {"in_sync_accuracy": 0.9}


@dataclass(frozen=True)
class Plan:
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
    bgr_F3HW: np.ndarray
    """uint8, with ROOM pixels more to each side than the network takes."""
    heard_NCT: np.ndarray
    """Window n begins with frame n."""


def noisy_five(clip: Clip, seed: int) -> np.ndarray:
    """The clip's five points as somebody found them."""
    rng = np.random.default_rng([seed, clip.person, 6])
    apart_F = np.linalg.norm(clip.five_F52[:, 1] - clip.five_F52[:, 0], axis=-1)
    return clip.five_F52 + rng.normal(0, JITTER, clip.five_F52.shape) * apart_F[:, None, None]


def make_lesson(plan: Plan, person: int) -> Lesson:
    clip = make_clip(plan.seed, person, plan.frames, occluded=0.2)
    side = SIZES.side + 2 * ROOM
    roomy = replace(SIZES, side=side, wide=SIZES.wide * side / SIZES.side)
    return Lesson(crops(clip.rgb_FHWC, noisy_five(clip, plan.seed), roomy), listen(clip.sound))


def batch(lessons: list[Lesson], count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """As many windows in a row of each: (clips, F, 3, H, W) and (clips, windows, C, T)."""
    seen, heard = [], []
    for lesson in lessons:
        first = int(rng.integers(len(lesson.heard_NCT) - count + 1))
        x, y = rng.integers(0, 2 * ROOM + 1, 2)
        frames = lesson.bgr_F3HW[first : first + count + FRAMES - 1]
        crop_F3HW = frames[:, :, y : y + SIZES.side, x : x + SIZES.side]
        seen.append(crop_F3HW[..., ::-1] if rng.random() < 0.5 else crop_F3HW)
        heard.append(lesson.heard_NCT[first : first + count])
    return torch.from_numpy(np.stack(seen)), torch.from_numpy(np.stack(heard))


def contrast(lips_CND: Tensor, sound_CND: Tensor) -> Tensor:
    """Of all windows of a clip, one's own should be nearest, seen from either side."""
    near_CNN = -torch.cdist(lips_CND, sound_CND)
    own_CN = torch.arange(near_CNN.shape[1]).expand(len(near_CNN), -1)
    return (cross_entropy(near_CNN.transpose(1, 2), own_CN) + cross_entropy(near_CNN, own_CN)) / 2


class Pupil(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = Net(SIZES)

    def forward(self, bgr_CF3HW: Tensor, heard_CNCT: Tensor, rng: torch.Generator) -> Tensor:
        clips, frames = bgr_CF3HW.shape[:2]
        varied = vary_clips(bgr_CF3HW, rng)
        windows_B3FHW = varied.unfold(1, FRAMES, 1).flatten(0, 1).movedim(-1, 2)
        lips = self.net.lips(windows_B3FHW).unflatten(0, (clips, frames - FRAMES + 1))
        return contrast(lips, self.net.sound(heard_CNCT.flatten(0, 1)).unflatten(0, (clips, -1)))


def vary_clips(bgr_CF3HW: Tensor, rng: torch.Generator) -> Tensor:
    """One camera a clip: its frames as one tall picture are treated alike."""
    tall_C3HW = bgr_CF3HW.float().transpose(1, 2).flatten(2, 3)
    return vary(tall_C3HW, rng).unflatten(2, (bgr_CF3HW.shape[1], -1)).transpose(1, 2)


def make(plan: Plan) -> Net:
    rng, noise = seeded(plan.seed)
    lessons = [make_lesson(plan, person) for person in range(TRAINING, TRAINING + plan.clips)]
    log.info("%d clips of %d frames", plan.clips, plan.frames)
    pupil = Pupil()

    def step() -> Tensor:
        some = [lessons[i] for i in rng.choice(len(lessons), plan.batch, replace=False)]
        return pupil(*batch(some, plan.windows, rng), noise)

    train(pupil, step, plan.steps, plan.rate)
    return pupil.net.eval()


def save(net: Net, plan: Plan, numbers: Numbers, path: Path) -> None:
    said = described("syncnet", "SyncNet", f"{plan.clips} people", plan, numbers) | {"sizes": asdict(SIZES)}
    weights = {key: value.contiguous() for key, value in net.state_dict().items()}
    save_file(weights, path, {"about": json.dumps(said)})


def measure(reference: str, people: int, seed: int = 1, seconds: float = 2.0) -> dict[str, float]:
    """Two seconds of each stranger: is the sound nearer than the same sound moved, and where is it nearest?"""
    net, told, offsets = SyncNet(reference), [], []
    for person in range(people):
        clip = make_clip(seed, person, round(seconds * 25))
        mean_S = distances(net.lips(clip.rgb_FHWC, noisy_five(clip, seed)), net.sounds(clip.sound))
        moved = [mean_S[REACH + sign * shift] for shift in SHIFTS for sign in (-1, 1)]
        told.append(np.mean(mean_S[REACH] < np.array(moved)))
        offsets.append(judge(mean_S).offset)
    numbers = {
        "in_sync_accuracy": np.mean(told),
        "exact_offset": np.mean(np.array(offsets) == 0),
        "within_one_frame": np.mean(np.abs(offsets) <= 1),
    }
    return {name: round(float(value), 4) for name, value in numbers.items()}


def main() -> None:
    plan = Plan()
    ship(
        __doc__, "syncnet.safetensors", lambda: make(plan), lambda net, n, p: save(net, plan, n, p),
        lambda path: measure(path, plan.strangers),
    )  # fmt: skip


if __name__ == "__main__":
    main()
