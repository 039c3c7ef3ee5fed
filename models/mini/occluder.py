"""Trains the mini SAM 2 on the procedural world: a box round what hides a face in, its mask on every frame out.

    python -m models.mini.occluder            # half an hour of one core
    python -m models.mini.occluder polish     # or a part of it, from what the parts before it have left

writes models/mini/weights/sam2/, which transformers' Sam2VideoModel loads like any other SAM 2, and prints the
report. Part by part: `images`, the mask on the frame with the box; `tracks`, to find the thing again from
memory; `polish`, more of the same. What the weights have been through is in their about.json.
B clips, T frames.
"""

import argparse
import logging
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate
from transformers import Sam2ImageProcessor, Sam2VideoModel, Sam2VideoProcessor
from transformers import Sam2VideoVideoProcessor as VideoProcessor

from models.mini.augment import vary
from models.mini.clips import Clip, make_clip
from models.mini.corpus import TRAINING
from models.mini.face import seeded, train
from models.mini.shipping import Numbers, described, save_measured, write_about
from models.segment import Box, Prompt, box_of
from models.segment.sam2 import Sam2Segmenter, load
from models.segment.small import SIDE, Places, newborn
from models.segment.unrolled import Tracked, track
from models.weights.references import MINI

log = logging.getLogger(__name__)
OUT = MINI / "sam2"
FLOORS = {"mask_iou": 0.8}
PARTS = ["images", "tracks", "polish"]
CLIP_SIDE = 64
LENGTHS = (8, 16, 40)
"""Frames of a scene in training: in a short one the thing stays, in a long one it comes and goes."""
KEPT = 8
"""Frames of a scene that are learned from."""
LEAST = 24
"""Pixels of a thing that somebody would draw a box round."""
SLIVER = 8
"""Fewer pixels of a thing are neither in sight nor gone: nothing is learned from the difference."""


@dataclass(frozen=True)
class Plan:
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


# -- what it learns from -------------------------------------------------------------------------------


def takes(plan: Plan) -> list[Take]:
    rng = np.random.default_rng([plan.seed, 5])
    made = []
    for person in range(TRAINING, TRAINING + plan.scenes):
        frames = int(rng.choice(LENGTHS))
        clip = make_clip(plan.seed, person, frames, CLIP_SIDE, occluded=plan.occluded)
        stride = int(rng.integers(1, frames // KEPT + 1))
        first = int(rng.integers(0, frames - stride * (KEPT - 1)))
        some = slice(first, first + stride * KEPT, stride)
        made.append(Take(clip.rgb_FHWC[some], clip.occluder_FHW[some]))
    log.info("%d scenes", len(made))
    return made


def jittered(box: Box, side: int, rng: np.random.Generator) -> Box:
    """As loose as somebody's who points at it; still inside the picture, and not upside down."""
    x0, y0, x1, y1 = box
    size_4 = np.array([x1 - x0, y1 - y0] * 2)
    off_4 = np.array(box) + rng.normal(0, 0.05, 4) * size_4 + rng.normal(0, side / 64, 4)
    low_2, high_2 = np.minimum(off_4[:2], off_4[2:] - 2), np.maximum(off_4[2:], off_4[:2] + 2)
    x0, y0, x1, y1 = np.clip([*low_2, *high_2], 0, side)
    return float(x0), float(y0), float(x1), float(y1)


def shown(take: Take, frames: int, rng: np.random.Generator) -> tuple[list[int], Box]:
    """The frame with the box, then others in order, to either side of it and perhaps after a gap."""
    count = len(take.rgb_FHWC)
    area_F = take.mask_FHW.sum((1, 2))
    clear_F = np.flatnonzero(area_F >= max(LEAST, 0.3 * area_F.max()))
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
    pixels_BT3HW: Tensor
    box_B4: Tensor
    """In the model's pixels."""
    mask_BTHW: Tensor


def batch(
    made: list[Take], clips: int, frames: int, rng: np.random.Generator, noise: torch.Generator
) -> Batch:
    rgbs, masks, boxes = [], [], []
    for number in rng.choice(len(made), clips, replace=False):
        some, (x0, y0, x1, y1) = shown(made[number], frames, rng)
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
    """As the processor makes them."""
    made = VideoProcessor()
    mean_311, std_311 = (torch.tensor(three).view(3, 1, 1) for three in (made.image_mean, made.image_std))
    large = interpolate(rgb_BT3HW.flatten(0, 1), size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    return ((large / 255 - mean_311) / std_311).unflatten(0, rgb_BT3HW.shape[:2])


# -- how it learns -------------------------------------------------------------------------------------


def loss(found: Tracked, mask_BTHW: Tensor) -> Tensor:
    """Pixels and overlap where the thing is in sight; is it; and how good the model thinks its mask is."""
    area_BT = mask_BTHW.sum((2, 3))
    here_BT = (area_BT >= SLIVER).float()
    side = mask_BTHW.shape[-1]
    logits_BTHW = interpolate(found.logits_BTHW, size=(side, side), mode="bilinear", align_corners=False)
    share_BTHW = logits_BTHW.sigmoid()
    both_BT = (share_BTHW * mask_BTHW).sum((2, 3))
    dice_BT = 1 - (2 * both_BT + 1) / (share_BTHW.sum((2, 3)) + area_BT + 1)
    pixel_BT = binary_cross_entropy_with_logits(logits_BTHW, mask_BTHW, reduction="none").mean((2, 3))
    cut_BTHW = (logits_BTHW > 0).float()
    inside_BT = (cut_BTHW * mask_BTHW).sum((2, 3))
    iou_BT = inside_BT / (cut_BTHW.sum((2, 3)) + area_BT - inside_BT).clamp(min=1)
    shape = (
        (dice_BT + 3 * pixel_BT + (found.iou_BT - iou_BT).square()) * here_BT
    ).sum() / here_BT.sum().clamp(min=1)
    told_BT = ((area_BT == 0) | (area_BT >= SLIVER)).float()
    return shape + 0.3 * binary_cross_entropy_with_logits(found.presence_BT, here_BT, told_BT)


def learn(model: Sam2VideoModel, made: list[Take], plan: Plan, part: str) -> None:
    rng, noise = seeded(plan.seed + PARTS.index(part))
    images = part == "images"
    clips, frames = (plan.image_batch, 1) if images else (plan.track_batch, plan.track_frames)

    def step() -> Tensor:
        some = batch(made, clips, frames, rng, noise)
        return loss(track(model, some.pixels_BT3HW, some.box_B4), some.mask_BTHW)

    neck = model.vision_encoder.neck
    exact, neck.position_encoding = neck.position_encoding, Places(neck.position_encoding)
    steps, rate = {
        "images": (plan.image_steps, plan.image_rate),
        "tracks": (plan.track_steps, plan.track_rate),
        "polish": (plan.polish_steps, plan.polish_rate),
    }[part]
    train(model, step, steps, rate)
    neck.position_encoding = exact


def save(model: Sam2VideoModel, plan: Plan, part: str, numbers: Numbers, folder: Path) -> None:
    """In half precision, and measured as it is stored; it is loaded in single."""
    small = deepcopy(model).half().eval()
    for parameter in small.parameters():
        parameter.data = parameter.data.contiguous()  # training has turned them round
    small.save_pretrained(folder)
    size, mask = {"height": SIDE, "width": SIDE}, {"height": SIDE // 4, "width": SIDE // 4}
    image = Sam2ImageProcessor(size=size, mask_size=mask)
    Sam2VideoProcessor(image_processor=image, video_processor=VideoProcessor(size=size)).save_pretrained(
        folder
    )
    said = described("occluder", "SAM 2", f"{plan.scenes} people", plan, numbers)
    write_about(folder, said | {"parts": PARTS[: PARTS.index(part) + 1]})


# -- how good it is ------------------------------------------------------------------------------------


def measure(reference: str, people: int, frames: int = 50, seed: int = 77) -> dict[str, float]:
    """Strangers with something before their face for two seconds, and its true box, a little off, on one frame.

    `mask_iou`: mean over all frames with at least `SLIVER` pixels of the thing. `object_gone`: how many of the
    frames without any are told to be so.
    """
    segmenter = Sam2Segmenter(reference)
    iou, first, gone = [], [], []
    for person in range(people):
        clip = make_clip(seed, person, frames, CLIP_SIDE, occluded=1.0)
        rng = np.random.default_rng([seed, person])
        iou_F, prompted = followed(segmenter, clip, rng)
        area_F = clip.occluder_FHW.sum((1, 2))
        iou += list(np.delete(iou_F, prompted)[np.delete(area_F, prompted) >= SLIVER])
        first.append(iou_F[prompted])
        gone += list(iou_F[area_F == 0])
    numbers = {
        "mask_iou": np.mean(iou),
        "mask_iou_first_frame": np.mean(first),
        "object_gone": np.mean(gone or [1.0]),
    }
    return {name: round(float(value), 4) for name, value in numbers.items()}


def followed(segmenter: Sam2Segmenter, clip: Clip, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """IoU on each frame (1 where there is rightly nothing), and the frame with the box."""
    area_F = clip.occluder_FHW.sum((1, 2))
    prompted = int(rng.choice(np.flatnonzero(area_F >= 0.5 * area_F.max())))
    box = jittered(box_of(clip.occluder_FHW[prompted]), CLIP_SIDE, rng)
    (found,) = segmenter.propagate(clip.rgb_FHWC, [Prompt(prompted, box)])
    both_F = (found.mask_FHW & clip.occluder_FHW).sum((1, 2))
    either_F = (found.mask_FHW | clip.occluder_FHW).sum((1, 2))
    return np.where(either_F > 0, both_F / np.maximum(either_F, 1), 1.0), prompted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    plan = Plan()
    seeded(plan.seed)
    model = newborn()
    made = takes(plan)
    for part in chosen.parts:
        if part != "images":
            model = load(str(chosen.out))[0].requires_grad_(True)
        learn(model, made, plan, part)
        save(model, plan, part, {}, chosen.out)
    save_measured(
        model, chosen.out, lambda net, n, p: save(net, plan, chosen.parts[-1], n, p),
        lambda path: measure(path, plan.strangers),
    )  # fmt: skip


if __name__ == "__main__":
    main()
