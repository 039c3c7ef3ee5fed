"""Follows what is in front of a face through its clip: from the boxes of `captions` to a mask for every frame.

Each box is an object of its own, followed both ways from its frame; the masks of all are put together. A clip
in which nothing was named gets an empty mask, and no model is run. What is left of a face between its
occluders is judged by nobody here: shares and stability are scores, and only a mask that can't be true (all
of the face, all of the picture, nothing at all) is refused.

Where no model can name things, `signs` takes the place of both: it draws no mask, but looks whether anything is
before the face at all (tasks/occluders/signs.py), and refuses what is clearly covered.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from infra.resources import Needs
from models.hands import load_hands
from models.segment import load_segmenter
from models.segment.segmenter import Segmenter
from models.weights.digests import digest
from models.weights.several import several
from storage.store import Store
from tasks.captions import Captions
from tasks.ingest import Ingest
from tasks.ingest.track_data import TrackData
from tasks.masks import pack
from tasks.occluder_scores import covered_shares, stability
from tasks.occluders.clip import NamedBox, frames_of, read_boxes
from tasks.occluders.config import OccludersConfig
from tasks.occluders.poster import masks_poster, signs_poster
from tasks.occluders.rows import Covered, OccludersInput, OccludersRow
from tasks.stage import Annotate, Rejected, Stage
from tasks.verdict import Verdict

if TYPE_CHECKING:
    from models.hands.finder import HandFinder


class Occluders(Annotate):
    """The stage: a clip and its boxes in, masks and their scores out."""

    name = "occluders"
    version = 2
    reads = (Captions, Verdict, Ingest)
    needs = Needs(cpus=1, batch=4, timeout_s=1800, memory_gb=2.0)
    Config = OccludersConfig
    Input = OccludersInput
    Output = OccludersRow
    config: OccludersConfig
    segmenter: Segmenter
    hands: "HandFinder | None"

    def own_reads(self) -> tuple[type[Stage], ...]:
        """Signs need no captions: without them it reads the gate that these read."""
        return (Verdict, Ingest) if self.config.segmenter == "signs" else (Captions, Ingest)

    def weights(self) -> dict[str, str]:
        return {reference: digest(reference) for reference in several(self.config.model)}

    def packages(self) -> dict[str, str]:
        if self.config.segmenter != "official":
            return {}
        return {
            "sam2": "uv pip install --no-build-isolation sam2; or take the segmenter `sam2`, which needs nothing"
        }

    def told(self) -> dict[str, str]:
        return {"occlusion": self.config.judged_by}

    def setup(self, store: Store) -> None:
        super().setup(store)
        if self.config.segmenter == "signs":
            self.hands = load_hands(self.config.model)
        else:
            self.segmenter = load_segmenter(self.config.segmenter, self.config.model)

    def __call__(self, rows: Sequence[OccludersInput]) -> list[OccludersRow | Rejected]:
        judge = self._by_signs if self.config.segmenter == "signs" else self._one
        return [judge(row) for row in rows]

    def _by_signs(self, row: OccludersInput) -> OccludersRow | Rejected:
        # Only workers measure: whoever reads a recipe should not wait for numba to be imported.
        from tasks.occluders.measuring import seen

        frames = frames_of(row)
        signs, outlines = seen(frames, TrackData.from_bytes(row.track_data), self.hands, self.config)
        poster = signs_poster(frames, signs, outlines)
        if signs.covered:
            return Covered(row.id, "covered", signs.reason, signs.words, poster)
        return OccludersRow(
            id=row.id,
            occluder_masks=pack(np.zeros((len(frames), *frames[0].shape[:2]), bool)),
            objects=0,
            unfound_objects=0,
            empty=True,
            covered_share=0.0,
            face_share=0.0,
            face_share_most=0.0,
            whole_frames=0,
            lost_frames=0,
            **signs.scores,
            poster=poster,
            doubt=signs.words,
        )

    def _one(self, row: OccludersInput) -> OccludersRow | Rejected:
        rgb_FHWC = np.stack(frames_of(row))
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
            poster=masks_poster(rgb_FHWC, mask_FHW, named),
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
