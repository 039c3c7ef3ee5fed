"""Trains the captioner's decoder, the second half of its training: what it is to say about what the tower sees.

Lessons are questions and answers as the processor makes tokens of them; the answers alone are learnt. B counts
questions, T tokens, V the vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from models.mini.captioner.corpus import FRAMES, NOTHING, SIDE, Take, box_of
from models.mini.captioner.network import PATCH
from models.mini.captioner.vision import GRID, tower_tokens, with_camera_effects
from models.mini.training import seeded
from models.vlm.prompts import GROUNDING, QUESTION
from models.vlm.question import Question, Sizes
from models.vlm.qwen import prepare
from models.world.occluders import KINDS

SEEN_SIDE = GRID * PATCH
SIZES = Sizes(SEEN_SIDE**2, SEEN_SIDE**2)
STEP = 2
"""Coordinates it learns are multiples of it: half as many numbers, at a fiftieth of the picture."""
BOX_ANSWER = '```json\n[\n\t{"bbox_2d": [%d, %d, %d, %d], "label": "%s"}\n]\n```'
NO_BOX_ANSWER = "```json\n[]\n```"


def all_texts() -> list[str]:
    """Returns all it will read or say, each as often as it should weigh in choosing the tokens."""
    said = [BOX_ANSWER % (n, n, n, n, kind) for kind in KINDS for n in range(0, SEEN_SIDE + 1, STEP)]
    roles = ["system\nYou are a helpful assistant.", "user\n", "assistant\n", "\n"]
    asked = [QUESTION, *(GROUNDING.format(phrase=kind) for kind in KINDS)]
    return 40 * (roles + asked + [*KINDS, "nothing", NO_BOX_ANSWER]) + said


def name_of_kind(kind: int) -> str:
    """Returns what the captioner is to call an occluder."""
    return "nothing" if kind == NOTHING else KINDS[kind]


def box_answer(thing_HW: np.ndarray, phrase: str) -> str:
    """Returns the answer to where a thing is, in Qwen's own form."""
    box = box_of(thing_HW)
    if box is None:
        return NO_BOX_ANSWER
    return BOX_ANSWER % (*(STEP * round(share * SEEN_SIDE / STEP) for share in box), phrase)


@dataclass(frozen=True)
class Lesson:
    """One question and its answer."""

    rgb_FCHW: Tensor
    """A clip's frames, or one picture twice."""
    asked: list[int]
    answer: list[int]
    fps: float | None
    """None for a picture."""


class LessonMaker:
    """Makes lessons from clips."""

    def __init__(self, processor: Qwen2_5_VLProcessor, takes: Sequence[Take], seed: int) -> None:
        self.takes, self.processor = takes, processor
        self.hidden = [take for take in takes if take.kind != NOTHING]
        self.rng, self.noise = seeded(seed)
        blank_FHWC = np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8)
        self.question = self._tokens(Question(QUESTION, blank_FHWC, 2.0))
        asked = [Question(GROUNDING.format(phrase=kind), blank_FHWC[:1], None) for kind in KINDS]
        self.grounding = [self._tokens(question) for question in asked]

    def _tokens(self, question: Question) -> list[int]:
        """Through the processor, as whoever asks later."""
        return prepare(self.processor, [question], SIZES)["input_ids"][0].tolist()

    def caption(self) -> Lesson:
        """Makes a lesson that asks what is before the face."""
        take = self.takes[int(self.rng.integers(len(self.takes)))]
        rgb_FCHW, _ = self._filmed(take, slice(None))
        return Lesson(rgb_FCHW, self.question, self._said(name_of_kind(take.kind)), take.fps)

    def grounding_of(self) -> Lesson:
        """Makes a lesson that asks where a thing is; now and then of one that isn't there, and has no box."""
        takes = self.hidden if self.rng.random() < 0.9 else self.takes
        take, frame = takes[int(self.rng.integers(len(takes)))], int(self.rng.integers(FRAMES))
        there = take.kind != NOTHING and self.rng.random() < 0.9
        kind = take.kind if there else int(self.rng.integers(len(KINDS)))
        rgb_FCHW, thing_FHW = self._filmed(take, [frame, frame])
        answer = box_answer(thing_FHW[0].numpy(), KINDS[kind]) if kind == take.kind else NO_BOX_ANSWER
        return Lesson(rgb_FCHW, self.grounding[kind], self._said(answer), None)

    def _filmed(self, take: Take, frames: slice | list[int]) -> tuple[Tensor, Tensor]:
        """The frames as one camera might have seen them, or its mirror, and what is before the face in them."""
        rgb_FCHW, thing_FHW = take.rgb_FCHW[frames], take.occluder_FHW[frames]
        if self.rng.random() < 0.5:
            rgb_FCHW, thing_FHW = rgb_FCHW.flip(-1), thing_FHW.flip(-1)
        return with_camera_effects(rgb_FCHW[None], self.noise)[0], thing_FHW

    def _said(self, answer: str) -> list[int]:
        return [*self.processor.tokenizer(answer).input_ids, self.processor.tokenizer.eos_token_id]


def answer_loss(
    net: Qwen2_5_VLForConditionalGeneration, lessons: Sequence[Lesson], soft_VV: Tensor
) -> Tensor:
    """Returns the loss of the answers' tokens, each given all before it; every answer counts the same, however long."""
    longest = max(len(lesson.asked) + len(lesson.answer) for lesson in lessons)
    ids_BT = torch.zeros(len(lessons), longest, dtype=torch.long)
    weight_BT = torch.zeros(ids_BT.shape)
    for n, lesson in enumerate(lessons):
        end = len(lesson.asked) + len(lesson.answer)
        ids_BT[n, :end] = torch.tensor([*lesson.asked, *lesson.answer])
        weight_BT[n, len(lesson.asked) : end] = 1 / len(lesson.answer)
    rgb_N2CHW = torch.cat([lesson.rgb_FCHW.unflatten(0, (-1, 2)) for lesson in lessons])
    seen_BT = (ids_BT == net.config.image_token_id) | (ids_BT == net.config.video_token_id)
    words_BTD = net.model.language_model.embed_tokens(ids_BT)
    words_BTD = words_BTD.masked_scatter(seen_BT[..., None], tower_tokens(net.model.visual, rgb_N2CHW))
    out_BTD = net.model.language_model(
        inputs_embeds=words_BTD, position_ids=positions(net, ids_BT, lessons), use_cache=False
    ).last_hidden_state
    said_BT = weight_BT > 0
    guess_NV = net.lm_head(out_BTD[:, :-1][said_BT[:, 1:]]).log_softmax(-1)
    miss_N = -(soft_VV[ids_BT[said_BT]] * guess_NV).sum(-1)
    return (miss_N * weight_BT[said_BT]).sum() / len(lessons)


def positions(net: Qwen2_5_VLForConditionalGeneration, ids_BT: Tensor, lessons: Sequence[Lesson]) -> Tensor:
    """Returns where each token is in time, height and width, 3BT, as the model itself reckons when it is asked."""
    kind_BT = (ids_BT == net.config.image_token_id).int() + 2 * (ids_BT == net.config.video_token_id).int()
    videos = [lesson for lesson in lessons if lesson.fps is not None]
    return net.model.get_rope_index(
        ids_BT,
        kind_BT,
        image_grid_thw=torch.tensor([[1, GRID, GRID]]).expand(len(lessons) - len(videos), 3),
        video_grid_thw=torch.tensor([[len(v.rgb_FCHW) // 2, GRID, GRID] for v in videos]),
        second_per_grid_ts=torch.tensor([2 / v.fps for v in videos if v.fps]),
    )[0]


def soft_targets(processor: Qwen2_5_VLProcessor) -> Tensor:
    """Returns what to say for each token, VV: itself, but for a number its neighbours a little, too.

    So near misses are learnt from.
    """
    soft_VV = torch.eye(len(processor.tokenizer))
    values = torch.arange(0, SEEN_SIDE + 1, STEP)
    numbers = torch.tensor(processor.tokenizer.convert_tokens_to_ids([str(int(v)) for v in values]))
    near = torch.exp(-(((values[:, None] - values) / STEP) ** 2) / 2)
    soft_VV[numbers[:, None], numbers] = near / near.sum(1, keepdim=True)
    return soft_VV
