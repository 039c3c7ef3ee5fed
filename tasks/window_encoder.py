"""Encodes one window of a clip, and the same with its face painted grey, as a training would."""

import numpy as np
import torch
from torch import Tensor

from models.dit.inputs import grey_where_masked
from models.vae.opening import load_vae
from models.vae.pictures import as_video, encoded
from models.vae.shapes import latents_of, pixels_per_latent
from tasks.latent_windows import WindowShape


class WindowEncoder:
    """A VAE on the GPU, where there is one; in 32 bits, since half of them are what is kept."""

    def __init__(self, reference: str):
        self.vae = load_vae(reference, "cuda" if torch.cuda.is_available() else "cpu")

    def shape(self, frames: int, height: int, width: int) -> WindowShape:
        """Of a window of such pictures."""
        side = pixels_per_latent(self.vae)
        return WindowShape(latents_of(frames), self.vae.config.z_dim, height // side, width // side)

    @torch.inference_mode()
    def __call__(self, rgb_FHWC: np.ndarray, keep_FHW: np.ndarray) -> np.ndarray:
        """Returns float32 (2, T, C, H, W): the window's normalised latents, and those with what is not kept grey."""
        video_1CFHW = self._video(rgb_FHWC)
        keep_1FHW = torch.from_numpy(keep_FHW)[None].to(self.vae.device)
        # One after the other: at full size a window fills a good part of a GPU.
        both = (encoded(self.vae, one) for one in (video_1CFHW, grey_where_masked(video_1CFHW, ~keep_1FHW)))
        return torch.cat(list(both)).transpose(1, 2).cpu().numpy()

    @torch.inference_mode()
    def one(self, rgb_FHWC: np.ndarray) -> np.ndarray:
        """Returns float32 (T, C, H, W): the window's normalised latents."""
        return encoded(self.vae, self._video(rgb_FHWC))[0].transpose(0, 1).cpu().numpy()

    def _video(self, rgb_FHWC: np.ndarray) -> Tensor:
        return as_video(torch.from_numpy(rgb_FHWC)[None].to(self.vae.device))
