"""Trains the mini captioner in two halves: its vision tower learns to see, then its decoder to say what that sees."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from models.mini.captioner.corpus import Take, make_takes
from models.mini.captioner.lessons import SEEN_SIDE, LessonMaker, all_texts, answer_loss, soft_targets
from models.mini.captioner.network import make_net, make_processor
from models.mini.captioner.vision import BATCHED_ATTENTION, TrainingHeads, batch_of_pairs, tower_tokens
from models.mini.shipping import Numbers, described, write_about
from models.mini.training import descend, seeded
from models.weights.pretrained import quietly

log = logging.getLogger(__name__)


DECAY, LONGEST = 0.02, 1.0
"""Weight decay, and the length that gradients are cut to."""


@dataclass(frozen=True)
class Plan:
    """How the captioner is trained."""

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


def learn_to_see(net: Qwen2_5_VLForConditionalGeneration, takes: Sequence[Take], plan: Plan) -> None:
    """Trains the vision tower, by questions to each of its tokens."""
    rng, noise = seeded(plan.seed)
    heads, visual = TrainingHeads(), net.model.visual

    def step() -> Tensor:
        rgb_BFCHW, targets = batch_of_pairs(takes, plan.sight_batch, rng, noise)
        return heads.loss(tower_tokens(visual, rgb_BFCHW), targets)

    groups = [{"params": [*visual.parameters(), *heads.parameters()], "lr": plan.sight_rate}]
    descend("vision tower", groups, step, plan.sight_steps, weight_decay=DECAY, longest=LONGEST)


def learn_to_say(
    net: Qwen2_5_VLForConditionalGeneration, processor: Qwen2_5_VLProcessor, takes: Sequence[Take], plan: Plan
) -> None:
    """Trains the decoder, and the tower a little more."""
    teacher, soft_VV = LessonMaker(processor, takes, plan.seed + 1), soft_targets(processor)

    def step() -> Tensor:
        asked = [teacher.caption() for _ in range(plan.captions)]
        asked += [teacher.grounding_of() for _ in range(plan.groundings)]
        return answer_loss(net, asked, soft_VV)

    seeing = {"params": list(net.model.visual.parameters()), "lr": plan.slower * plan.rate}
    saying = {"params": list(net.model.language_model.parameters()), "lr": plan.rate}
    descend("decoder", [seeing, saying], step, plan.steps, weight_decay=DECAY, longest=LONGEST)


def make(plan: Plan) -> tuple[Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor]:
    """Makes and trains the captioner."""
    seeded(plan.seed)
    processor = make_processor(all_texts())
    net = make_net(processor)
    takes = make_takes(plan.seed, plan.clips, SEEN_SIDE)
    net.model.visual.config._attn_implementation = BATCHED_ATTENTION
    learn_to_see(net, takes, plan)
    learn_to_say(net, processor, takes, plan)
    return net, processor


def save(
    made: tuple[Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor],
    plan: Plan,
    numbers: Numbers,
    folder: Path,
) -> None:
    """Saves it in half precision; the numbers are of what was saved, not of what was trained."""
    net, processor = made
    with quietly():
        net.half().save_pretrained(folder)
    processor.save_pretrained(folder)
    what = "captioner: a Qwen2.5-VL that names and boxes what is in front of a face"
    write_about(folder, described("captioner", what, f"{plan.clips} clips", plan, numbers))
