"""Encodes each clip's training windows once, so that a training neither decodes a video nor runs a VAE.

A window is encoded by itself, since the VAE is causal and takes a window's first frame as single: what a training
would make of the same frames is the same. The masked clip, grey where a generator paints, is encoded beside it.
Nothing reads this stage but trainings, and it is left out unless asked for: half precision takes more room than H.264.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.ledger.rows import Blob
from tasks.facemask import FaceMask, inpaint_mask
from tasks.ingest import Ingest
from tasks.latent_windows import pack
from tasks.masks import unpack
from tasks.occluders import Occluders
from tasks.window_stage import WindowsRow, WindowStage, frames_of, no_windows


@dataclass(frozen=True)
class LatentsInput:
    """A clip and its masks."""

    id: str
    video: Blob
    face_masks: Blob
    occluder_masks: Blob


@dataclass(frozen=True)
class LatentsRow(WindowsRow):
    """The windows of one clip; none where it is shorter than one."""

    window_latents: Blob
    """The windows (tasks/latent_windows.py)."""


class Latents(WindowStage):
    """The stage: a clip and its masks in, its windows' latents out."""

    name = "latents"
    reads = (FaceMask, Occluders, Ingest)
    Input = LatentsInput
    Output = LatentsRow

    def __call__(self, rows: Sequence[LatentsInput]) -> list[LatentsRow]:
        return [self._one(row) for row in rows]

    def _one(self, row: LatentsInput) -> LatentsRow:
        rgb_FHWC = frames_of(row.video, f"clip {row.id}", "ingest its source again")
        keep_FHW = inpaint_mask(unpack(row.face_masks), unpack(row.occluder_masks))
        if keep_FHW.shape != rgb_FHWC.shape[:3]:
            raise ValueError(
                f"clip {row.id} is {rgb_FHWC.shape[:3]} (frames, height, width), its masks are {keep_FHW.shape}; "
                "make them again from this clip"
            )
        made = [self.encoder(rgb_FHWC[span], keep_FHW[span]) for span in self.spans(len(rgb_FHWC))]
        windows_N2TCHW = np.stack(made) if made else no_windows(self.shape(rgb_FHWC), 2)
        return LatentsRow(id=row.id, **self.counts(rgb_FHWC), window_latents=pack(windows_N2TCHW))
