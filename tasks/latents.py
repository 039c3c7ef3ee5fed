"""Encodes each clip's training windows once, so that a training neither decodes a video nor runs a VAE.

A window is encoded by itself, since the VAE is causal and takes a window's first frame as single: what a training
would make of the same frames is the same. The masked clip, grey where a generator paints, is encoded beside it.
Nothing reads this stage but trainings, and it is left out unless asked for: half precision takes more room than H.264.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, field_validator

from infra.resources import Needs
from models.weights.digests import digest
from storage.ledger.rows import Blob
from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.store import Store
from tasks.facemask import FaceMask, inpaint_mask
from tasks.ingest import Ingest
from tasks.latent_windows import WindowShape, pack
from tasks.masks import unpack
from tasks.occluders import Occluders
from tasks.stage import Annotate, StageConfig

if TYPE_CHECKING:
    from tasks.window_encoder import WindowEncoder


class LatentsConfig(StageConfig):
    """Which VAE, and which windows."""

    vae: str = "mini:vae"
    """Reference of a Wan VAE in the layout of diffusers."""
    frames: int = Field(default=25, ge=1)
    """Of one window: 4k+1."""
    stride: int = Field(default=12, ge=1)
    """Frames from one window's beginning to the next one's."""

    @field_validator("frames")
    @classmethod
    def _is_4k_plus_1(cls, frames: int) -> int:
        if frames % 4 != 1:
            raise ValueError(f"a video VAE takes 4k+1 frames (1, 5, 9, ...), not {frames}")
        return frames


@dataclass(frozen=True)
class LatentsInput:
    """A clip and its masks."""

    id: str
    video: Blob
    face_masks: Blob
    occluder_masks: Blob


@dataclass(frozen=True)
class LatentsRow:
    """The windows of one clip; none where it is shorter than one."""

    id: str
    windows: int
    missing_frames: int
    """How many frames a clip without a window lacks for its first; 0 for all others."""
    latents: int
    """Latent frames of a window."""
    channels: int
    height: int
    width: int
    """Of a latent frame."""
    window_latents: Blob
    """The windows (tasks/latent_windows.py)."""


class Latents(Annotate):
    """The stage: a clip and its masks in, its windows' latents out."""

    name = "latents"
    reads = (FaceMask, Occluders, Ingest)
    needs = Needs(cpus=1, batch=4, timeout_s=1200, memory_gb=2.0)
    Config = LatentsConfig
    Input = LatentsInput
    Output = LatentsRow
    config: LatentsConfig
    encoder: "WindowEncoder"

    def weights(self) -> dict[str, str]:
        return {self.config.vae: digest(self.config.vae)}

    def setup(self, store: Store) -> None:
        # Only workers encode: whoever reads a recipe should not wait for torch.
        from tasks.window_encoder import WindowEncoder

        super().setup(store)
        self.encoder = WindowEncoder(self.config.vae)

    def __call__(self, rows: Sequence[LatentsInput]) -> list[LatentsRow]:
        return [self._one(row) for row in rows]

    def _one(self, row: LatentsInput) -> LatentsRow:
        rgb_FHWC = _frames(row)
        keep_FHW = inpaint_mask(unpack(row.face_masks), unpack(row.occluder_masks))
        if keep_FHW.shape != rgb_FHWC.shape[:3]:
            raise ValueError(
                f"clip {row.id} is {rgb_FHWC.shape[:3]} (frames, height, width), its masks are {keep_FHW.shape}; "
                "make them again from this clip"
            )
        shape = self.encoder.shape(self.config.frames, *rgb_FHWC.shape[1:3])
        made = [self.encoder(rgb_FHWC[span], keep_FHW[span]) for span in self._spans(len(rgb_FHWC))]
        windows_N2TCHW = np.stack(made) if made else _none(shape)
        return LatentsRow(
            id=row.id,
            windows=len(made),
            missing_frames=0 if made else self.config.frames - len(rgb_FHWC),
            **vars(shape),
            window_latents=pack(windows_N2TCHW),
        )

    def _spans(self, frames: int) -> Iterator[slice]:
        for first in range(0, frames - self.config.frames + 1, self.config.stride):
            yield slice(first, first + self.config.frames)


def _none(shape: WindowShape) -> np.ndarray:
    return np.zeros((0, 2, shape.latents, shape.channels, shape.height, shape.width), np.float32)


def _frames(row: LatentsInput) -> np.ndarray:
    with open_media(io.BytesIO(row.video)) as media:
        frames = list(decode_video(media))
    if not frames:
        raise ValueError(f"no frame of clip {row.id} can be decoded; ingest its source again")
    return np.stack(frames)
