"""Looks at an editor with pairs that it does not learn from: it is shown the companion, and should make the clip.

So the clip is the truth, and the companion's mouth is what must not be seen any more. Whole pictures are compared, for
an editor makes them whole. N windows of F frames, H by W pixels; C channels of latents.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from torch import Tensor, nn

from models.dubbing.request import Settings
from models.dubbing.sampling import Editor, edited_clip
from models.dubbing.suited import MINI_SAMPLING
from models.mini.generator.scores import decibels
from models.pairs.ssim import ssim
from models.vae.pictures import as_video, encoded
from storage.batches.windows import FPS
from storage.drawing.side_by_side import film_grid, film_video
from tasks.training.clip_validation import SHOWN, against_truth
from tasks.training.mouths import identity, pair_metrics, sync
from tasks.training.objective import Batch, Validation
from tasks.training.reached import seeded
from tasks.training.seen_windows import RATE, SeenPair, SeenWindow
from tasks.training.window_validation import WindowValidator, decoded


@dataclass(frozen=True)
class Shown:
    """What the net is shown of one window, and the companion as a person sees it."""

    companion_1CFHW: Tensor
    audio_1FNA: Tensor
    rgb_FHWC: np.ndarray


@dataclass(frozen=True)
class PairValidator(WindowValidator):
    """Batches have `audio_BFNA` and the companion, as latents `companion_BCFHW` or as pixels `companion_BFHWC`."""

    settings: Settings = MINI_SAMPLING

    def __call__(self, net: nn.Module, _step: int) -> Validation:
        made_NFHWC = self._made(net)
        source_NFHWC = np.stack([one.rgb_FHWC for one in self._shown])
        metrics = {
            **against_truth(self.seen, made_NFHWC, None),
            **self._whole(source_NFHWC, made_NFHWC),
            **pair_metrics(self.looks, self.seen, source_NFHWC, made_NFHWC),
            **identity(self.looks, self.seen, made_NFHWC),
            **sync(self.looks, self.seen, made_NFHWC),
        }
        return Validation(metrics, self._pictures(source_NFHWC, made_NFHWC))

    @cached_property
    def _shown(self) -> list[Shown]:
        batches = [self.windows.__getitems__([sample]) for sample in self.samples]
        return [self._one_shown(*each) for each in zip(batches, self.seen, strict=True)]

    @torch.no_grad()
    def _one_shown(self, batch: Batch, seen: SeenWindow) -> Shown:
        audio_1FNA, vae = batch["audio_BFNA"].float(), self.opened_vae
        if (rgb_1FHWC := batch.get("companion_BFHWC")) is not None:
            return Shown(encoded(vae, as_video(rgb_1FHWC)), audio_1FNA, rgb_1FHWC[0].numpy())
        companion = batch["companion_BCFHW"].float()
        if isinstance(seen, SeenPair):  # what a person sees is the same, whether latents are kept or not
            return Shown(companion, audio_1FNA, seen.companion_FHWC)
        return Shown(companion, audio_1FNA, _rounded(decoded(vae, companion)))

    @torch.no_grad()
    def _made(self, net: nn.Module) -> np.ndarray:
        """One window after the other: they may be large."""
        editor = Editor(net, self.prompt_of(net))
        with self.vae_on(next(net.parameters()).device) as vae:
            return np.stack([self._one(editor, vae, n) for n in range(len(self._shown))])

    def _one(self, editor: Editor, vae: AutoencoderKLWan, n: int) -> np.ndarray:
        companion, audio_1FNA = self._shown[n].companion_1CFHW, self._shown[n].audio_1FNA
        noise = seeded(companion.shape, n)
        z, _ = edited_clip(editor, companion, audio_1FNA, noise, self.settings)
        return _rounded(decoded(vae, z))

    def _whole(self, source_NFHWC: np.ndarray, made_NFHWC: np.ndarray) -> dict[str, float]:
        """Of whole pictures, and what the companion itself would have."""
        truth = np.stack([one.rgb_FHWC for one in self.seen])
        lips = np.stack([one.lips_FHW for one in self.seen])
        whole = np.ones(truth.shape[:4], bool)
        alike = [ssim(*both) for both in zip(made_NFHWC, truth, strict=True)]
        metrics = {"psnr_full": decibels(made_NFHWC, truth, whole), "ssim_full": float(np.mean(alike))}
        if lips.any():
            metrics["psnr_lips_of_the_source"] = decibels(source_NFHWC, truth, lips)
        return metrics

    def _pictures(self, source_NFHWC: np.ndarray, made_NFHWC: np.ndarray) -> Mapping[str, bytes]:
        truth_NFHWC = np.stack([one.rgb_FHWC for one in self.seen])
        shown = {"source": source_NFHWC, "truth": truth_NFHWC, "made": made_NFHWC}
        shown = {name: some[:SHOWN] for name, some in shown.items()}
        sounds = [one.sound for one in self.seen[:SHOWN]]
        return {"pairs.png": film_grid(shown), "pairs.mp4": film_video(shown, sounds, FPS, RATE)}


def _rounded(rgb_FHWC: np.ndarray) -> np.ndarray:
    return rgb_FHWC.round().astype(np.uint8)
