"""Asks what is in front of each clip's face, and where: a phrase and a box per thing, by a vision-language model.

The paper's question once per clip; then the same model points at what it named, since what follows things
through a clip takes boxes, not words. An answer that nobody can understand, or that names what is nowhere to be
seen, rejects the clip: taken for "nothing" it would have an occluder painted over, in every frame of a pair.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from infra.resources import Needs
from models.vlm import Backend, load_vlm
from models.vlm.asking import Asking, ClipAnswer, Found, SampledClip, ask_about, evenly_spread
from models.vlm.prompts import GROUNDING, QUESTION
from models.vlm.question import Sizes
from models.weights.digests import digest
from storage.drawing.lettering import SMALL, paint, text_mask
from storage.ledger.rows import Blob, Json
from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.media.images import encode_jpeg
from storage.store import Store
from tasks.ingest import Ingest
from tasks.ranges import check_order
from tasks.stage import Annotate, Rejected, StageConfig
from tasks.verdict import Verdict

POSTER_FRAMES, POSTER_PX = 3, 160
FRAME_RGB, PAPER_RGB = (255, 214, 0), (24, 26, 30)
MOST_PIXELS = 16384 * 28 * 28
"""Of a frame: Qwen2.5-VL reads no more tokens of one."""
REASONS = 3
"""Refused boxes that a rejection repeats."""


class CaptionsConfig(StageConfig):
    """What is asked, of which model, and about how many frames."""

    model: str = "mini:captioner"
    """Reference of the weights, a directory as Qwen2.5-VL's: mini:NAME, a path, or hf://org/name@revision."""
    backend: Backend = "transformers"
    """What runs it: transformers, or vllm where it is installed."""
    question: str = QUESTION
    """Asked once per clip. The mini model knows only this one."""
    grounding: str = GROUNDING
    """Asked per phrase and chosen frame; `{phrase}` is what the answer named."""
    frames: int = Field(default=6, ge=1, le=1000)
    """Sampled per clip, evenly."""
    first_frames: int = Field(default=3, ge=1, le=1000)
    """Of these, how many are searched for each phrase; the others only for what was on none of them."""
    min_pixels: int = Field(default=56 * 56, ge=28 * 28, le=MOST_PIXELS)
    """Smaller frames are enlarged to so many pixels before the model sees them."""
    max_pixels: int = Field(default=56 * 56, ge=28 * 28, le=MOST_PIXELS)
    """Larger frames are shrunk; 28x28 pixels become one token, two frames at a time."""
    max_phrases: int = Field(default=5, ge=1, le=100)
    """An answer that names more is a list of what is in the room, and rejects the clip."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_order(self, "min_pixels", "max_pixels")
        if "{phrase}" not in self.grounding:
            raise ValueError("grounding has no {phrase}: write it where the name of the thing is to go")
        return self


@dataclass(frozen=True)
class CaptionsInput:
    """A clip to look at."""

    id: str
    frames: int
    fps: float
    video: Blob


@dataclass(frozen=True)
class CaptionsRow:
    """What is in front of the face of one clip, and where."""

    id: str
    answer: str
    """As the model gave it."""
    occluders: list[str]
    """Phrases, in the order of the answer; empty when nothing is in front of the face."""
    boxes: Json
    """JSON: [{"phrase", "frame", "box": [left, top, right, bottom]}], in the clip's pixels; per phrase those of
    the frame where it is largest."""
    ungrounded: list[str]
    """Phrases that are on none of the frames."""
    poster: Blob
    """JPEG: three frames, with the boxes that are on them."""


class Captions(Annotate):
    """The stage: a clip in, phrases and boxes out."""

    name = "captions"
    reads = (Verdict, Ingest)
    needs = Needs(cpus=1, batch=16, timeout_s=600, memory_gb=2.0)
    Config = CaptionsConfig
    Input = CaptionsInput
    Output = CaptionsRow
    config: CaptionsConfig

    def weights(self) -> dict[str, str]:
        return {self.config.model: digest(self.config.model)}

    def packages(self) -> dict[str, str]:
        return (
            {"vllm": "uv pip install vllm, on a machine with a GPU"} if self.config.backend == "vllm" else {}
        )

    def setup(self, store: Store) -> None:
        super().setup(store)
        sizes = Sizes(self.config.min_pixels, self.config.max_pixels)
        self.vlm = load_vlm(self.config.backend, self.config.model, sizes)

    def __call__(self, rows: Sequence[CaptionsInput]) -> list[CaptionsRow | Rejected]:
        clips = [self._sampled(row) for row in rows]
        config = self.config
        asking = Asking(config.question, config.grounding, config.first_frames, config.max_phrases)
        seen = ask_about(self.vlm, clips, asking)
        return [_result(row.id, clip, one) for row, clip, one in zip(rows, clips, seen, strict=True)]

    def _sampled(self, row: CaptionsInput) -> SampledClip:
        """No more than those frames are kept, however long the clip is."""
        at_F = evenly_spread(row.frames, self.config.frames)
        wanted = set(at_F.tolist())
        with open_media(io.BytesIO(row.video)) as media:
            video = decode_video(media)
            kept = [rgb_HWC for number, rgb_HWC in enumerate(video) if number in wanted]
        if len(kept) < len(at_F):
            raise ValueError(f"clip {row.id} has fewer frames than its {row.frames}; ingest its source again")
        return SampledClip(np.stack(kept), at_F, row.fps * len(at_F) / row.frames)


def _result(item: str, clip: SampledClip, seen: ClipAnswer) -> CaptionsRow | Rejected:
    if seen.unclear:
        return Rejected(item, "unclear_answer", seen.unclear)
    if seen.phrases and not seen.found:
        return Rejected(item, "not_grounded", _nowhere(seen, len(clip.at_F)))
    found = list(seen.found.values())
    high, wide = clip.rgb_FHWC.shape[1:3]
    boxes = [
        {
            "phrase": one.phrase,
            "frame": one.frame,
            "box": [round(v * s, 1) for v, s in zip(box, (wide, high) * 2, strict=True)],
        }
        for one in found
        for box in one.boxes
    ]
    return CaptionsRow(
        id=item,
        answer=seen.answer,
        occluders=seen.phrases,
        boxes=json.dumps(boxes, ensure_ascii=False),
        ungrounded=seen.lost,
        poster=_poster(clip, found),
    )


def _nowhere(seen: ClipAnswer, frames: int) -> str:
    """What was named, and why none of it could be boxed."""
    refused = [why for whys in seen.refused.values() for why in whys]
    because = f": {'; '.join(refused[:REASONS])}" if refused else ""
    return (
        f"the answer names {', '.join(seen.phrases)}, but no box on any of {frames} frames shows it{because}"
    )


def _poster(clip: SampledClip, found: Sequence[Found]) -> bytes:
    """Frames with boxes first of all, then others, in the order of the clip."""
    order = [
        *(one.frame for one in found),
        *(int(n) for n in clip.at_F[len(clip.at_F) // 2 :: -1]),
        *clip.at_F,
    ]
    chosen = sorted(list(dict.fromkeys(int(n) for n in order))[:POSTER_FRAMES])
    return encode_jpeg(np.concatenate([_drawn(clip, number, found) for number in chosen], axis=1))


def _drawn(clip: SampledClip, number: int, found: Sequence[Found]) -> np.ndarray:
    rgb_HWC = clip.rgb_FHWC[int(np.flatnonzero(clip.at_F == number)[0])]
    times = max(1, POSTER_PX // rgb_HWC.shape[1])
    step = max(1, rgb_HWC.shape[1] // POSTER_PX)
    rgb_HWC = rgb_HWC[::step, ::step].repeat(times, axis=0).repeat(times, axis=1)
    for one in found:
        if one.frame == number:
            for box in one.boxes:
                _draw_box(rgb_HWC, box, one.phrase)
    return rgb_HWC


def _draw_box(rgb_HWC: np.ndarray, box: tuple[float, float, float, float], phrase: str) -> None:
    """A frame round it, and its name at the upper left corner, inside."""
    high, wide = rgb_HWC.shape[:2]
    left, top, right, bottom = (
        round(share * (side - 1)) for share, side in zip(box, (wide, high, wide, high), strict=True)
    )
    across, down = slice(left, right + 1), slice(top, bottom + 1)
    # Two pixels: in a JPEG one alone has hardly a colour of its own.
    for line in (
        rgb_HWC[top : top + 2, across],
        rgb_HWC[max(0, bottom - 1) : bottom + 1, across],
        rgb_HWC[down, left : left + 2],
        rgb_HWC[down, max(0, right - 1) : right + 1],
    ):
        line[:] = FRAME_RGB
    label = rgb_HWC[top + 2 :, left + 2 :]
    mask = text_mask(phrase, SMALL)
    label[: mask.shape[0], : mask.shape[1]] = PAPER_RGB
    paint(label, mask, FRAME_RGB)
