"""Finds where the face is in every frame, as a mask that cannot know the mouth: a fitted head with its jaw set open.

A head is fitted to the frames; its jaw alone is set to a fixed angle, and what the head then covers is the
face's mask, M_face. With the occluders' mask it says what a generator may paint (METHOD 3: M_vis is M_face
without the occluders, M_inp all else); both follow from what is stored, by `visible_mask` and `inpaint_mask`.
The mask of the real lips is a weight for losses only: no model may see it.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from infra.resources import Needs
from models.heads import load_head
from models.heads.fit import Fit, HeadFit, TrackedFace
from models.heads.lower_face import below_the_eyes
from models.heads.smoothing import bridged, longest_gap
from models.weights.digests import digest
from storage.ledger.rows import Blob
from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.store import Store
from tasks.face_packages import packages_of
from tasks.ingest import Ingest
from tasks.ingest.track_data import TrackData
from tasks.masks import POSTER_PX, moments, pack, unpack
from tasks.occluders import Occluders
from tasks.ranges import Share
from tasks.screen import Screen
from tasks.stage import Annotate, Rejected, StageConfig


class FaceMaskConfig(StageConfig):
    """What fits the head, and how much of a clip may lack a face."""

    head: Literal["mini", "mesh", "mediapipe", "smirk"] = "mini"
    """What fits the head. `mesh` takes the points of MediaPipe's mesh that `ingest` keeps, and needs no model."""
    head_model: str = "mini:head"
    """Reference of its weights."""
    head_mesh: str = ""
    """Reference of FLAME as .npz, which smirk alone needs: own:flame/flame.npz (models/heads/flame.py makes it)."""
    jaw: float = Field(default=0.4, ge=0, le=1.5)
    """Radians that the jaw is opened before the face is drawn, whatever the real mouth does."""
    dilate: float = Field(default=0.02, ge=0, le=0.5)
    """By how much the face's mask is widened, as a share of the clip's side: the fit errs by about as much."""
    begins: float | None = Field(default=0.5, ge=-1, le=1)
    """Where the mask begins, between the eyes (0) and the tip of the nose (1). A small generator that sees the eyes knows
    how the head is turned, and paints it sharper. None masks the whole face, as the paper does."""
    smooth_frames: float = Field(default=1.5, ge=0, le=100)
    """Standard deviation of the bell that stills the head's pose over time; 0 for none."""
    max_gap: int = Field(default=12, ge=0, le=10_000)
    """Frames in a row without a face that are bridged; a longer loss rejects the clip."""
    max_lost_share: Share = 0.3
    """Share of all frames that may be bridged."""

    @model_validator(mode="after")
    def _has_a_mesh_if_it_needs_one(self) -> Self:
        if (self.head == "smirk") != bool(self.head_mesh):
            raise ValueError(
                "head smirk moves FLAME's mesh: set head_mesh, for example to own:flame/flame.npz, for it and for no other"
            )
        if (self.head == "mesh") == bool(self.head_model):
            raise ValueError(
                "head mesh takes what ingest keeps: set head_model to '' for it, and to a model for any other"
            )
        return self


@dataclass(frozen=True)
class FaceMaskInput:
    """A clip, its track, and the masks of what is in front of the face."""

    id: str
    video: Blob
    track_data: Blob
    occluder_masks: Blob


@dataclass(frozen=True)
class FaceMaskRow:
    """The masks of one clip's face and lips, the fit they are from, and its scores."""

    id: str
    lost_share: float
    """Share of frames in which no face was found; there the fit is bridged."""
    longest_gap: int
    """Frames."""
    jitter: float
    """How far the outline trembles from frame to frame before it is stilled, as a share of the face's width."""
    face_share: float
    """Mean share of the picture that the face's mask covers."""
    covered_share: float
    """Mean share of the face's mask that occluders cover."""
    outside_share: float
    """Mean share of the face that lies beyond the picture's edge."""
    jaw_max: float
    """Radians of the widest opening; where it is more than the fixed one, chins stick out of the mask."""
    face_masks: Blob
    """M_face, packed (tasks/masks.py)."""
    lip_masks: Blob
    """The real mouth, packed: for weights of losses."""
    head_fit: Blob
    """NPZ of the coefficients (models/heads/fit.py), bridged, not stilled."""
    poster: Blob
    """JPEG: frames, the masks' outlines (face green, lips red), and what is left to paint in grey."""


class FaceMask(Annotate):
    """The stage: a clip in, the masks of its face out."""

    name = "facemask"
    version = 2
    reads = (Screen, Occluders, Ingest)
    needs = Needs(cpus=1, batch=4, timeout_s=600)
    Config = FaceMaskConfig
    Input = FaceMaskInput
    Output = FaceMaskRow
    config: FaceMaskConfig
    head: HeadFit

    def weights(self) -> dict[str, str]:
        needed = (self.config.head_model, self.config.head_mesh)
        return {reference: digest(reference) for reference in needed if reference}

    def packages(self) -> dict[str, str]:
        return packages_of(self.config.head)

    def setup(self, store: Store) -> None:
        super().setup(store)
        self.head = load_head(self.config.head, self.config.head_model, self.config.head_mesh)

    def __call__(self, rows: Sequence[FaceMaskInput]) -> list[FaceMaskRow | Rejected]:
        return [self._one(row) for row in rows]

    def _one(self, row: FaceMaskInput) -> FaceMaskRow | Rejected:
        occluded_FHW = unpack(row.occluder_masks)
        rgb_FHWC = self._frames(row, occluded_FHW.shape)
        fit = self._fit(row, rgb_FHWC, *occluded_FHW.shape[::2])
        seen_F = fit.seen_F
        lost, gap = float(1 - seen_F.mean()), longest_gap(seen_F)
        if refusal := self._refusal(lost, gap):
            return Rejected(row.id, *refusal)
        scores = {"lost_share": lost, "longest_gap": gap}
        rgb_NHWC = rgb_FHWC[moments(len(occluded_FHW))] if self.head.looks else rgb_FHWC
        return self._row(row, rgb_NHWC, occluded_FHW, bridged(fit), scores)

    def _frames(self, row: FaceMaskInput, masked: tuple[int, ...]) -> np.ndarray:
        """All of them for a head that looks; else, small, those of the poster."""
        with open_media(io.BytesIO(row.video)) as media:
            if media.video is None:
                raise ValueError(f"clip {row.id} has no picture; ingest its source again")
            size = media.video.height, media.video.width
            shown = None if self.head.looks else moments(masked[0])
            video = decode_video(media, size=None if self.head.looks else POSTER_PX, only=shown)
            frames = list(video)
        if not frames or size[0] != size[1]:
            raise ValueError(f"clip {row.id} has no square picture; ingest its source again")
        if masked != (video.count, *size):
            raise ValueError(
                f"clip {row.id} is {(video.count, *size)} (frames, height, width), the masks of its occluders are "
                f"{masked}; make them again from this clip"
            )
        # In a short clip one frame may be several moments.
        return np.stack(frames if shown is None else [frames[sorted({*shown}).index(one)] for one in shown])

    def _fit(self, row: FaceMaskInput, rgb_FHWC: np.ndarray, frames: int, side: int) -> Fit:
        """Where the tracker has no finite point, the face is lost whatever the back-end says."""
        track = TrackData.from_bytes(row.track_data)
        five_F52 = track.five_T52
        if len(five_F52) != frames:
            raise ValueError(f"clip {row.id} has {frames} frames, its track {len(five_F52)}; ingest it again")
        mesh_FK3 = None if track.mesh_TK3 is None else track.mesh_TK3 / side
        return self.head.fit(TrackedFace(rgb_FHWC, five_F52, mesh_FK3)).without(
            ~np.isfinite(five_F52).all((1, 2))
        )

    def _refusal(self, lost: float, gap: int) -> tuple[str, str] | None:
        if lost == 1:
            return "no_landmarks", "no frame has finite landmarks of a face; is this a face at all?"
        if gap > self.config.max_gap:
            return (
                "face_lost",
                f"no face for {gap} frames in a row; at most {self.config.max_gap} can be bridged",
            )
        if lost > self.config.max_lost_share:
            return (
                "face_lost",
                f"no face in {lost:.0%} of frames; at most {self.config.max_lost_share:.0%} may miss",
            )
        return None

    def _row(
        self, row: FaceMaskInput, rgb_NHWC: np.ndarray, occluded_FHW: np.ndarray, fit: Fit, scores: dict
    ) -> FaceMaskRow:
        # Only workers draw: whoever reads a recipe should not wait for the compiler of the loops that do.
        from tasks.face_drawing import draw_masks, poster

        config, side = self.config, occluded_FHW.shape[1]
        drawn = draw_masks(self.head, fit, side, config.jaw, config.dilate, config.smooth_frames)
        face_FHW, lips_FHW = drawn.face_FHW, drawn.lips_FHW
        if config.begins is not None:
            five_F52 = TrackData.from_bytes(row.track_data).five_T52
            face_FHW = face_FHW & below_the_eyes(five_F52, config.begins, side)
        some_N = moments(len(face_FHW))
        shown = face_FHW[some_N], lips_FHW[some_N], inpaint_mask(face_FHW[some_N], occluded_FHW[some_N])
        covered = int(np.count_nonzero(face_FHW & occluded_FHW))
        all_of_it = int(np.count_nonzero(face_FHW))
        return FaceMaskRow(
            id=row.id,
            **scores,
            jitter=drawn.jitter,
            face_share=all_of_it / face_FHW.size,
            covered_share=covered / max(all_of_it, 1),
            outside_share=drawn.outside_share,
            jaw_max=float(fit.jaw_F.max()),
            face_masks=pack(face_FHW),
            lip_masks=pack(lips_FHW),
            head_fit=fit.to_bytes(),
            poster=poster(rgb_NHWC, *shown),
        )


def visible_mask(face_FHW: np.ndarray, occluded_FHW: np.ndarray) -> np.ndarray:
    """M_vis: the face where nothing is in front of it."""
    return face_FHW & ~occluded_FHW


def inpaint_mask(face_FHW: np.ndarray, occluded_FHW: np.ndarray) -> np.ndarray:
    """M_inp: False where a generator paints, True where the clip's own pixels stay."""
    return ~visible_mask(face_FHW, occluded_FHW)
