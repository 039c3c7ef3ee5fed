"""Reads what the stage `occluders` is given: a clip's frames, and the boxes of what was named in it."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.segment.segmenter import Prompt, check_prompts
from storage.media.container import open_media
from storage.media.decode import decode_video
from tasks.occluders.rows import OccludersInput


@dataclass(frozen=True)
class NamedBox:
    """One box, and what `captions` says is in it."""

    phrase: str
    prompt: Prompt


def frames_of(row: OccludersInput) -> list[np.ndarray]:
    """All of them as they are decoded: side by side in one array they would be copied once more."""
    with open_media(io.BytesIO(row.video)) as media:
        video = decode_video(media)
        frames = [rgb_HWC for number, rgb_HWC in enumerate(video) if number < row.frames]
    if video.count != row.frames:
        raise ValueError(
            f"clip {row.id} has {video.count} frames that can be decoded, not {row.frames} "
            f"({video.damage or 'undamaged'}); ingest its source again"
        )
    return frames


def read_boxes(row: OccludersInput, rgb_FHWC: np.ndarray) -> list[NamedBox]:
    """ValueError names the clip and the box that can't be one of its."""
    try:
        boxes: list[dict[str, Any]] = json.loads(row.boxes)
        named = [NamedBox(str(b["phrase"]), Prompt(int(b["frame"]), _four(b["box"]))) for b in boxes]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"clip {row.id}: {row.boxes[:200]!r} is no list of phrase, frame and box ({error!r}); caption it again"
        ) from error
    for one in named:
        try:
            check_prompts(rgb_FHWC, [one.prompt])
        except ValueError as error:
            raise ValueError(f"clip {row.id}, {one.phrase!r}: {error}; caption it again") from error
    return named


def _four(box: Sequence[float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(value) for value in box)
    return x0, y0, x1, y1
