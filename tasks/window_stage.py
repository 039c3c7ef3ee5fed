"""What the stages have in common that encode training windows once: which windows, by which VAE, and what a row says.

N windows of one encoding, T latent frames, C channels, H by W pixels or latents.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, field_validator

from infra.resources import Needs
from models.weights.digests import digest
from storage.media.container import open_media
from storage.media.decode import decode_video
from storage.store import Store
from tasks.latent_windows import WindowShape
from tasks.ranges import FramesApart
from tasks.stage import Annotate, StageConfig

if TYPE_CHECKING:
    from tasks.window_encoder import WindowEncoder


class LatentsConfig(StageConfig):
    """Which VAE, and which windows."""

    vae: str = "mini:vae"
    """Reference of a Wan VAE in the layout of diffusers."""
    frames: int = Field(default=25, ge=1, le=321)
    """Of one window: 4k+1."""
    stride: FramesApart = 12
    """Frames from one window's beginning to the next one's."""

    @field_validator("frames")
    @classmethod
    def _is_4k_plus_1(cls, frames: int) -> int:
        if frames % 4 != 1:
            raise ValueError(f"a video VAE takes 4k+1 frames (1, 5, 9, ...), not {frames}")
        return frames


@dataclass(frozen=True)
class WindowsRow:
    """What a row says of its windows, before their latents; `WindowStage.counts` fills it."""

    id: str
    windows: int
    missing_frames: int
    """How many frames a video without a window lacks for its first; 0 for all others."""
    latents: int
    """Latent frames of a window."""
    channels: int
    height: int
    width: int
    """Of a latent frame."""


class WindowStage(Annotate):
    """A stage that runs a VAE over each window of a video by itself."""

    needs = Needs(cpus=1, batch=4, timeout_s=1200, memory_gb=2.0)
    Config = LatentsConfig
    config: LatentsConfig
    encoder: "WindowEncoder"

    def weights(self) -> dict[str, str]:
        return {self.config.vae: digest(self.config.vae)}

    def setup(self, store: Store) -> None:
        # Only workers encode: whoever reads a recipe should not wait for torch.
        from tasks.window_encoder import WindowEncoder

        super().setup(store)
        self.encoder = WindowEncoder(self.config.vae)

    def spans(self, frames: int) -> Iterator[slice]:
        """Yields where the windows of so many frames lie."""
        for first in range(0, frames - self.config.frames + 1, self.config.stride):
            yield slice(first, first + self.config.frames)

    def shape(self, rgb_FHWC: np.ndarray) -> WindowShape:
        """Returns the size of such a video's windows, whether it has any or not."""
        return self.encoder.shape(self.config.frames, *rgb_FHWC.shape[1:3])

    def singles(self, rgb_FHWC: np.ndarray) -> np.ndarray:
        """Returns the windows of a video, float32 (N, 1, T, C, H, W)."""
        made = [self.encoder.one(rgb_FHWC[span])[None] for span in self.spans(len(rgb_FHWC))]
        return np.stack(made) if made else no_windows(self.shape(rgb_FHWC), 1)

    def counts(self, rgb_FHWC: np.ndarray) -> dict[str, Any]:
        """Returns what a row says of its windows."""
        windows = len(list(self.spans(len(rgb_FHWC))))
        missing = 0 if windows else self.config.frames - len(rgb_FHWC)
        return {"windows": windows, "missing_frames": missing, **vars(self.shape(rgb_FHWC))}


def no_windows(shape: WindowShape, encodings: int) -> np.ndarray:
    """Returns the windows of a video that is shorter than one."""
    return np.zeros((0, encodings, shape.latents, shape.channels, shape.height, shape.width), np.float32)


def frames_of(video: bytes, name: str, remedy: str) -> np.ndarray:
    """Returns all frames of a video that errors call so, uint8 (F, H, W, 3)."""
    with open_media(io.BytesIO(video)) as media:
        frames = list(decode_video(media)) if media.video is not None else []
    if not frames:
        raise ValueError(f"no frame of {name} can be decoded; {remedy}")
    return np.stack(frames)
