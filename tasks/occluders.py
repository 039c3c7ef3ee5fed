"""Follows what is in front of a face through its clip: from the boxes of `captions` to a mask for every frame.

Each box is an object of its own, followed both ways from its frame; the masks of all are put together. A clip
in which nothing was named gets an empty mask, and no model is run. What is left of a face between its
occluders is judged by nobody here: shares and stability are scores, and only a mask that can't be true (all
of the face, all of the picture, nothing at all) is refused.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from infra.resources import Needs
from models.segment import Kind, load_segmenter
from models.segment.segmenter import Prompt, Segmenter, check_prompts
from models.weights.digests import digest
from storage.drawing.lettering import SMALL, paint, text_mask
from storage.ledger.rows import Blob
from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.media.images import encode_jpeg
from storage.store import Store
from tasks.captions import Captions
from tasks.ingest import Ingest
from tasks.ingest.track_data import TrackData
from tasks.masks import overlaid, pack
from tasks.occluder_scores import covered_shares, stability
from tasks.stage import Annotate, Rejected, StageConfig

INK = (255, 255, 255)
POSTER_SIDE = 128


class OccludersConfig(StageConfig):
    """What follows the boxes, and which masks can't be true."""

    segmenter: Kind = "sam2"
    """`sam2` is transformers'; `official` is the package of SAM 2's authors, which has to be installed."""
    model: str = "mini:sam2"
    """Reference of its weights: for `sam2` a folder, for `official` a checkpoint of theirs."""
    whole: float = Field(default=0.97, gt=0.0, le=1.0)
    """A mask with this share of the face or of the picture covers all of it."""
    whole_share: float = Field(default=0.5, gt=0.0, le=1.0)
    """Clips with such a mask on this share of their frames are rejected."""


@dataclass(frozen=True)
class OccludersInput:
    """A clip, and the boxes of what was named in it."""

    id: str
    boxes: str
    """JSON: [{"phrase", "frame", "box": [x0, y0, x1, y1]}], in the clip's pixels."""
    frames: int
    video: Blob
    track_data: Blob


@dataclass(frozen=True)
class OccludersRow:
    """The masks of one clip, and how far they can be trusted."""

    id: str
    occluder_masks: Blob
    """What is in front of the face on each frame (tasks/masks.py)."""
    objects: int
    """Boxes that were followed."""
    unfound_objects: int
    """Of these, those that no mask was found for."""
    empty: bool
    """Nothing is in front of this face."""
    covered_share: float
    """Mean share of the picture."""
    face_share: float
    """Mean share of the face's square."""
    face_share_most: float
    whole_frames: int
    """Frames on which all of the face or of the picture is covered."""
    lost_frames: int
    """Frames on which nothing is in sight of what was followed."""
    stability: float
    """How little the masks depend on their threshold: the area at a stricter one over that at a laxer one, of the
    least stable object on each frame, in the mean; 1 is best, and the value of an empty mask."""
    stability_worst: float
    worst_frame: int | None
    """Where it is least; None for an empty mask."""
    poster: Blob
    """JPEG: three frames with the mask, and the phrases."""


@dataclass(frozen=True)
class NamedBox:
    """One box, and what `captions` says is in it."""

    phrase: str
    prompt: Prompt


class Occluders(Annotate):
    """The stage: a clip and its boxes in, masks and their scores out."""

    name = "occluders"
    reads = (Captions, Ingest)
    needs = Needs(cpus=1, batch=4, timeout_s=1800, memory_gb=2.0)
    Config = OccludersConfig
    Input = OccludersInput
    Output = OccludersRow
    config: OccludersConfig
    segmenter: Segmenter

    def weights(self) -> dict[str, str]:
        return {self.config.model: digest(self.config.model)}

    def packages(self) -> dict[str, str]:
        if self.config.segmenter != "official":
            return {}
        return {
            "sam2": "uv pip install --no-build-isolation sam2; or take the segmenter `sam2`, which needs nothing"
        }

    def setup(self, store: Store) -> None:
        super().setup(store)
        self.segmenter = load_segmenter(self.config.segmenter, self.config.model)

    def __call__(self, rows: Sequence[OccludersInput]) -> list[OccludersRow | Rejected]:
        return [self._one(row) for row in rows]

    def _one(self, row: OccludersInput) -> OccludersRow | Rejected:
        rgb_FHWC = _frames(row)
        named = read_boxes(row, rgb_FHWC)
        found = self.segmenter.propagate(rgb_FHWC, [one.prompt for one in named]) if named else []
        mask_FHW = np.zeros(rgb_FHWC.shape[:3], bool)
        for one in found:
            mask_FHW |= one.mask_FHW
        scores = covered_shares(mask_FHW, TrackData.from_bytes(row.track_data), self.config.whole)
        if refusal := self._refusal(mask_FHW, named, scores["whole_frames"]):
            return Rejected(row.id, *refusal)
        return OccludersRow(
            id=row.id,
            occluder_masks=pack(mask_FHW),
            objects=len(found),
            unfound_objects=sum(not one.mask_FHW.any() for one in found),
            empty=not found,
            **scores,
            **stability(found),
            poster=_poster(rgb_FHWC, mask_FHW, named),
        )

    def _refusal(
        self, mask_FHW: np.ndarray, named: list[NamedBox], whole_frames: int
    ) -> tuple[str, str] | None:
        if not named:
            return None
        phrases = ", ".join(dict.fromkeys(repr(one.phrase) for one in named))
        if not mask_FHW.any():
            return "mask_empty", (
                f"{phrases}: no pixel of it was found on any frame, though a box was drawn round it; "
                "look whether it is there, and exclude the clip or correct its caption"
            )
        if whole_frames >= self.config.whole_share * len(mask_FHW):
            return "mask_covers_all", (
                f"{phrases}: the mask covers all of the face or of the picture on {whole_frames} of "
                f"{len(mask_FHW)} frames, so nothing of it is left to show a mouth; at most "
                f"{self.config.whole_share:.0%} may be so"
            )
        return None


# -- what comes in -------------------------------------------------------------------------------------


def _frames(row: OccludersInput) -> np.ndarray:
    with open_media(io.BytesIO(row.video)) as media:
        frames = list(video := decode_video(media))
    if len(frames) != row.frames:
        raise ValueError(
            f"clip {row.id} has {len(frames)} frames that can be decoded, not {row.frames} "
            f"({video.damage or 'undamaged'}); ingest its source again"
        )
    return np.stack(frames)


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


# -- what it looks like --------------------------------------------------------------------------------


def _poster(rgb_FHWC: np.ndarray, mask_FHW: np.ndarray, named: list[NamedBox]) -> bytes:
    """Where a box was, or, without one, three moments that differ; with a coloured mask and a bright outline."""
    last = len(rgb_FHWC) - 1
    chosen = [0, last // 2, last]
    if named:
        chosen[1] = named[0].prompt.frame
        chosen[0], chosen[2] = chosen[1] // 2, (chosen[1] + last) // 2
    times = max(1, -(-POSTER_SIDE // rgb_FHWC.shape[2]))
    tiles = [overlaid(rgb_FHWC[f], mask_FHW[f]).repeat(times, 0).repeat(times, 1) for f in chosen]
    strip = np.concatenate([tile[: len(tile) // 2 * 2, : tile.shape[1] // 2 * 2] for tile in tiles], axis=1)
    phrases = ", ".join(dict.fromkeys(one.phrase for one in named)) or "nothing"
    mask = text_mask(phrases, SMALL)
    strip[-len(mask) :] //= 3
    paint(strip[-len(mask) :, 3:-3], mask, INK)
    return encode_jpeg(strip)
