"""Takes pairs in and gives scores out: same person, other lips, nothing else touched, in step with the sound.

Scores only; which of them are good enough is `pairverdict`'s business, so another threshold decodes nothing. What
each one means, in what unit, and how a limit is chosen for it is in docs/pair-scores.md.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from infra.resources import Needs
from models.faces import load_face, load_identity
from models.faces.face import Embedder, FaceBackend
from models.weights.digests import digest
from models.weights.several import several
from storage.store import Store
from tasks.companion import Companion
from tasks.companion.rows import GENERATED
from tasks.face_packages import packages_of
from tasks.facemask import FaceMask
from tasks.ingest import Ingest
from tasks.occluders import Occluders
from tasks.pair_share import place
from tasks.pairscores.rows import PairScoresInput, PairScoresRow
from tasks.ranges import Crf, FramesApart, Share
from tasks.stage import Annotate, Rejected, StageConfig

if TYPE_CHECKING:
    from models.sync.syncnet import SyncNet


class PairScoresConfig(StageConfig):
    """What looks at the pairs, and how closely."""

    face: Literal["mini", "mesh", "mediapipe", "yunet"] = "mini"
    """What finds the landmarks of both halves."""
    face_model: str = "mini:face"
    """Reference of its weights."""
    identity_model: str = Field(default="mini:identity", min_length=1)
    """Reference of an ArcFace-like ONNX file that tells people apart."""
    identity_frames: FramesApart = 8
    """Evenly spread frames on which the two are compared."""
    sync_model: str = "mini:syncnet"
    """Reference of a SyncNet; empty leaves lips and sound unscored."""
    max_lost_share: Share = 0.3
    """Share of the frames with a face on which the companion's may not be found."""
    noise_frames: FramesApart = 25
    """Frames of the clip that are encoded once more, to see by how much its landmarks err."""
    noise_crf: Crf = 12
    """How they are encoded: as companions are (companion.crf)."""


class PairScores(Annotate):
    """The stage: a pair in, its scores out."""

    name = "pairscores"
    reads = (Companion, FaceMask, Occluders, Ingest)
    needs = Needs(cpus=1, batch=4, timeout_s=900)
    Config = PairScoresConfig
    Input = PairScoresInput
    Output = PairScoresRow
    config: PairScoresConfig
    face: FaceBackend
    embedder: Embedder
    sync: "SyncNet | None"

    def weights(self) -> dict[str, str]:
        config = self.config
        needed = (*several(config.face_model), config.identity_model, config.sync_model)
        return {reference: digest(reference) for reference in needed if reference}

    def packages(self) -> dict[str, str]:
        return packages_of(self.config.face)

    def setup(self, store: Store) -> None:
        super().setup(store)
        self.face = load_face(self.config.face, self.config.face_model)
        embedder = load_identity(self.config.identity_model)
        assert embedder is not None
        self.embedder = embedder
        self.sync = _load_sync(self.config.sync_model)

    def __call__(self, rows: Sequence[PairScoresInput]) -> list[PairScoresRow | Rejected]:
        return [self._one(row) for row in rows]

    def _one(self, row: PairScoresInput) -> PairScoresRow | Rejected:
        # Only workers look: whoever reads a recipe should not wait for the compiler of the loops that do.
        from tasks.pairscores.faces import look_at
        from tasks.pairscores.frames import Refused, open_pair
        from tasks.pairscores.measures import likeness_scores, lip_scores, pixel_scores, sync_scores

        config = self.config
        try:
            pair = open_pair(row)
            faces = look_at(pair, self.face, config.noise_frames, config.noise_crf, config.max_lost_share)
            scores = {
                **likeness_scores(pair, self.embedder, config.identity_frames),
                **lip_scores(faces, self.face),
                **sync_scores(pair, self.sync),
                **pixel_scores(pair),
            }
        except Refused as refusal:
            return Rejected(row.id, refusal.code, refusal.reason)
        given_place = None if row.origin == GENERATED else place(row.id)
        return _finite(PairScoresRow(id=row.id, origin=row.origin, given_place=given_place, **scores))


def _load_sync(reference: str) -> "SyncNet | None":
    if not reference:
        return None
    import torch

    from models.sync.syncnet import SyncNet

    return SyncNet(reference, "cuda" if torch.cuda.is_available() else "cpu")


def _finite(row: PairScoresRow) -> PairScoresRow:
    wrong = [
        name for name, value in asdict(row).items() if isinstance(value, float) and not math.isfinite(value)
    ]
    if wrong:
        raise ValueError(
            f"pair {row.id}: {', '.join(wrong)} came out as no finite number; look at both halves and at their masks "
            "(`redub sheet companion`), and make the companion anew"
        )
    return row
