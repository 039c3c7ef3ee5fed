"""Asks a vision-language model what hides a face, and where: one question per clip, then a box per phrase.

Two rounds of boxes: first on a few frames spread over the clip, then, for what was on none of them, on all other
sampled frames. The frame where a thing is largest is the one from which it is followed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from models.vlm.answers import Box, Unclear, boxes, phrases
from models.vlm.question import Question, Reply, Vlm

ANSWER_TOKENS, BOX_TOKENS = 64, 160
"""Long enough for five names and for four boxes; a model that goes on is talking."""


@dataclass(frozen=True)
class Asking:
    """What is asked of every clip."""

    question: str
    grounding: str
    """With `{phrase}` where the name of the thing goes."""
    first_frames: int
    """Of the sampled frames, how many are searched for each phrase before all others are."""
    most_phrases: int


@dataclass(frozen=True)
class SampledClip:
    """Some frames of one clip."""

    rgb_FHWC: np.ndarray
    at_F: np.ndarray
    """Their numbers in the clip."""
    fps: float
    """At which they follow each other."""


@dataclass(frozen=True)
class Found:
    """Where one phrase was found."""

    phrase: str
    frame: int
    """In the clip."""
    boxes: tuple[Box, ...]
    """Shares of the picture."""


@dataclass
class ClipAnswer:
    """What was said about one clip."""

    answer: str
    phrases: list[str] = field(default_factory=list)
    unclear: str = ""
    """Why the answer can't be understood; '' when it can."""
    found: dict[str, Found] = field(default_factory=dict)
    refused: dict[str, list[str]] = field(default_factory=dict)
    """Phrase -> why boxes of it could not be used, in words."""

    @property
    def lost(self) -> list[str]:
        """The phrases that are on no frame."""
        return [phrase for phrase in self.phrases if phrase not in self.found]


def evenly_spread(frames: int, count: int) -> np.ndarray:
    """Returns which frames to look at: so many, each in the middle of its share of the clip; all of a shorter clip."""
    count = min(count, frames)
    return ((np.arange(count) + 0.5) * frames / count).astype(int)


def ask_about(vlm: Vlm, clips: Sequence[SampledClip], asking: Asking) -> list[ClipAnswer]:
    """Asks about all clips at once, and returns the answers in their order."""
    asked = [Question(asking.question, clip.rgb_FHWC, clip.fps) for clip in clips]
    all_seen = [_understood(reply, asking.most_phrases) for reply in vlm.ask(asked, ANSWER_TOKENS)]
    for number in (0, 1):
        wanted = [
            (seen, clip, phrase, _round(len(clip.at_F), asking.first_frames)[number])
            for seen, clip in zip(all_seen, clips, strict=True)
            for phrase in seen.lost
        ]
        _ground(vlm, wanted, asking, sum(len(clip.at_F) for clip in clips) // 2)
    return all_seen


def _understood(reply: Reply, most: int) -> ClipAnswer:
    try:
        return ClipAnswer(reply.text, phrases(reply.text, most))
    except Unclear as why:
        return ClipAnswer(reply.text, unclear=str(why))


def _round(frames: int, first: int) -> tuple[list[int], list[int]]:
    """Sampled frames that are searched first, and those after them."""
    chosen = [int(n) for n in evenly_spread(frames, first)]
    return chosen, [n for n in range(frames) if n not in chosen]


T = TypeVar("T")
Wanted = tuple[ClipAnswer, SampledClip, str, list[int]]


def _ground(vlm: Vlm, wanted: Sequence[Wanted], asking: Asking, at_once: int) -> None:
    """Boxes of each phrase on its frames; `at_once` pictures make as many tokens as the batch of videos did."""
    asked = [
        (
            seen,
            phrase,
            int(clip.at_F[n]),
            Question(asking.grounding.replace("{phrase}", phrase), clip.rgb_FHWC[[n]], None),
        )
        for seen, clip, phrase, frames in wanted
        for n in frames
    ]
    for some in _chunks(asked, max(1, at_once)):
        replies = vlm.ask([question for *_, question in some], BOX_TOKENS)
        for (seen, phrase, frame, _), reply in zip(some, replies, strict=True):
            _take(seen, phrase, frame, reply)


def _take(seen: ClipAnswer, phrase: str, frame: int, reply: Reply) -> None:
    read = boxes(reply.text, reply.width, reply.height)
    seen.refused.setdefault(phrase, []).extend(f"frame {frame}: {why}" for why in read.refused)
    if read.boxes and _largest(read.boxes) > _largest(
        seen.found[phrase].boxes if phrase in seen.found else ()
    ):
        seen.found[phrase] = Found(phrase, frame, read.boxes)


def _largest(some: Sequence[Box]) -> float:
    return max(((right - left) * (bottom - top) for left, top, right, bottom in some), default=0.0)


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
