"""Trains the mini captioner on the procedural world, and measures it on strangers.

    python -m models.mini.captioner

writes models/mini/weights/captioner/, a small Qwen2.5-VL as `save_pretrained` writes the large one, and prints
the report. It answers the two questions of models/vlm/prompts.py and knows no other; what it learns from is in
covered.py, how its eyes learn in sight.py, and how it learns to say what they see in saying.py.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from models.mini.clips import FPS, Clip, make_clip
from models.mini.covered import FRAMES, SIDE, Take, box_of, hides, make_takes
from models.mini.face import pacing, seeded
from models.mini.saying import SEEN_SIDE, SIZES, Teacher, answer_loss, softened, texts
from models.mini.shipping import Numbers, described, ship, write_about
from models.mini.sight import TOGETHER, Heads, pairs, see
from models.mini.words import make_net, make_processor
from models.vlm.answers import Box
from models.vlm.looking import Asking, Sampled, Seen, look, spread
from models.vlm.prompts import GROUNDING, QUESTION
from models.vlm.qwen import Qwen
from models.weights.pretrained import quietly
from models.world.occluders import KINDS

log = logging.getLogger(__name__)
FLOORS = {"named_right": 0.9, "none_when_none": 0.95, "box_iou": 0.6}
AT_ONCE = 8
"""People whose clips are asked about in one batch while measuring."""


@dataclass(frozen=True)
class Plan:
    seed: int = 1
    clips: int = 6020
    sight_steps: int = 3000
    sight_batch: int = 48
    sight_rate: float = 2e-3
    steps: int = 1600
    captions: int = 16
    groundings: int = 16
    rate: float = 2e-3
    slower: float = 0.2
    """The vision tower's rate in the second half, over the decoder's."""
    strangers: int = 200


def descend(what: str, groups: list[dict], steps: int, losses: Iterator[Tensor]) -> None:
    adam = torch.optim.AdamW(groups, weight_decay=0.02)
    pace = torch.optim.lr_scheduler.LambdaLR(adam, lambda done: pacing(done / steps))
    recent: list[float] = []
    for number in range(1, steps + 1):
        adam.zero_grad()
        loss = next(losses)
        loss.backward()
        nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], 1.0)
        adam.step()
        pace.step()
        recent.append(loss.item())
        if number % 100 == 0:
            log.info("%s step %d of %d: loss %.4f", what, number, steps, np.mean(recent[-100:]))


def learn_to_see(net: Qwen2_5_VLForConditionalGeneration, takes: Sequence[Take], plan: Plan) -> None:
    rng, noise = seeded(plan.seed)
    heads, visual = Heads(), net.model.visual

    def losses() -> Iterator[Tensor]:
        while True:
            rgb_BFCHW, targets = pairs(takes, plan.sight_batch, rng, noise)
            yield heads.loss(see(visual, rgb_BFCHW), targets)

    params = [*visual.parameters(), *heads.parameters()]
    descend("sight", [{"params": params, "lr": plan.sight_rate}], plan.sight_steps, losses())


def learn_to_say(
    net: Qwen2_5_VLForConditionalGeneration, processor: Qwen2_5_VLProcessor, takes: Sequence[Take], plan: Plan
) -> None:
    teacher, soft_VV = Teacher(processor, takes, plan.seed + 1), softened(processor)

    def losses() -> Iterator[Tensor]:
        while True:
            asked = [teacher.caption() for _ in range(plan.captions)]
            asked += [teacher.grounding_of() for _ in range(plan.groundings)]
            yield answer_loss(net, asked, soft_VV)

    seeing = {"params": list(net.model.visual.parameters()), "lr": plan.slower * plan.rate}
    saying = {"params": list(net.model.language_model.parameters()), "lr": plan.rate}
    descend("words", [seeing, saying], plan.steps, losses())


def make(plan: Plan) -> tuple[Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor]:
    seeded(plan.seed)
    processor = make_processor(texts())
    net = make_net(processor)
    takes = make_takes(plan.seed, plan.clips, SEEN_SIDE)
    net.model.visual.config._attn_implementation = TOGETHER
    learn_to_see(net, takes, plan)
    learn_to_say(net, processor, takes, plan)
    return net, processor


def save(
    made: tuple[Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor],
    plan: Plan,
    numbers: Numbers,
    folder: Path,
) -> None:
    """In half precision; the numbers are of what was saved, not of what was trained."""
    net, processor = made
    with quietly():
        net.half().save_pretrained(folder)
    processor.save_pretrained(folder)
    what = "captioner: a Qwen2.5-VL that names and boxes what is in front of a face"
    write_about(folder, described("captioner", what, f"{plan.clips} clips", plan, numbers))


def measure(reference: str, people: int, frames: int = 50, seed: int = 77) -> dict[str, float]:
    """Two clips of each stranger, one with something in front of the face, asked as the captions stage asks.

    `box_iou`: with the thing's true box on the frame that was chosen, over clips named right; 0 where it was
    pointed at nowhere. `unparsable`: clips of which any reply could not be read or used.
    """
    vlm, asking = Qwen(reference, SIZES), Asking(QUESTION, GROUNDING, FRAMES // 2, 5)
    right, bare, ious, unread = [], [], [], []
    for first in range(0, people, AT_ONCE):
        clips = [
            clip for person in range(people)[first : first + AT_ONCE] for clip in _two(seed, person, frames)
        ]
        for clip, seen in zip(clips, look(vlm, [_sampled(clip) for clip in clips], asking), strict=True):
            unread.append(bool(seen.unclear or any(seen.refused.values())))
            if clip.occluder is None:
                bare.append(not seen.unclear and not seen.phrases)
            elif hides(clip.occluder_FHW, clip.face_FHW):
                right.append(seen.phrases == [clip.occluder])
                ious += [_iou(seen, clip)] if right[-1] else []
    told: dict[str, list] = {
        "named_right": right,
        "none_when_none": bare,
        "box_iou": ious,
        "unparsable": unread,
    }
    return {key: round(float(np.mean(values)), 4) if values else 0.0 for key, values in told.items()}


def _two(seed: int, person: int, frames: int) -> tuple[Clip, Clip]:
    hidden = make_clip(seed, person, frames, SIDE, kind=KINDS[person % len(KINDS)])
    return hidden, make_clip(seed + 1, person, frames, SIDE, occluded=0.0)


def _sampled(clip: Clip) -> Sampled:
    frames = len(clip.rgb_FHWC)
    at_F = spread(frames, FRAMES)
    return Sampled(clip.rgb_FHWC[at_F], at_F, FPS * FRAMES / frames)


def _iou(seen: Seen, clip: Clip) -> float:
    found = seen.found.get(clip.occluder or "")
    truth = box_of(clip.occluder_FHW[found.frame]) if found else None
    return overlap(found.boxes[0], truth) if found and truth else 0.0


def overlap(one: Box, other: Box) -> float:
    """Shared area over the area of both."""
    wide, high = (min(one[n + 2], other[n + 2]) - max(one[n], other[n]) for n in (0, 1))
    shared = max(wide, 0.0) * max(high, 0.0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def main() -> None:
    plan = Plan()
    ship(
        __doc__, "captioner", lambda: make(plan), lambda made, n, p: save(made, plan, n, p),
        lambda path: measure(path, plan.strangers),
    )  # fmt: skip


if __name__ == "__main__":
    main()
