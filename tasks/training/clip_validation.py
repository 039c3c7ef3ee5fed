"""Looks at a generator with clips that it does not learn from: each face is painted anew to the clip's own sound.

Then the clip itself is the truth. What counts is the PSNR on the lips, as in world_validation.py; each clip is painted
with another clip's sound as well, and what is lost by that is what the net hears. With the other sound the mouth
should follow the other clip's; how far it follows its own instead is the leak.
N windows of F frames, H by W pixels; C channels of latents, B A of features.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from torch import Tensor, nn

from models.dit.painting import Sampling, painted
from models.mini.generator.measure import feathered
from models.mini.generator.scores import decibels
from storage.batches.windows import FPS
from storage.drawing.side_by_side import film_grid, film_video
from tasks.training.clip_windows import ClipWindows
from tasks.training.encoded import encode_windows
from tasks.training.mouths import identity, mouth_metrics, sync
from tasks.training.objective import Validation
from tasks.training.reached import Reached, seeded
from tasks.training.seen_windows import RATE, SeenWindow
from tasks.training.window_validation import WindowValidator, decoded

SHOWN = 8
KEYS = ("masked_BCFHW", "reference_BCHW", "audio_BFNA")


@dataclass(frozen=True)
class Prepared:
    """What stays the same from one validation to the next."""

    batch: Mapping[str, Tensor]
    others: Sequence[int]
    """Number of the window whose sound each gets; its own where all are of one clip."""


@dataclass(frozen=True)
class ClipValidator(WindowValidator):
    """Paints the faces of so many windows of a split."""

    windows: ClipWindows
    sampling: Sampling = field(default_factory=Sampling)

    def __call__(self, net: nn.Module, _step: int) -> Validation:
        ready, reached, seen = self._prepared, Reached(net), self.seen
        audio = ready.batch["audio_BFNA"]
        made_NFHWC = self._made(reached, audio)
        heard = len({one.clip for one in seen}) > 1
        swapped_NFHWC = self._made(reached, audio[list(ready.others)]) if heard else None
        metrics = {
            **against_truth(seen, made_NFHWC, swapped_NFHWC),
            **mouth_metrics(self.looks, seen, ready.others, made_NFHWC, swapped_NFHWC),
            **identity(self.looks, seen, made_NFHWC),
            **sync(self.looks, seen, made_NFHWC),
        }
        return Validation(metrics, self._pictures(made_NFHWC, swapped_NFHWC))

    @cached_property
    def _prepared(self) -> Prepared:
        each = [self._latents(sample) for sample in self.samples]
        batch = {key: torch.cat([one[key] for one in each]) for key in KEYS}
        return Prepared(batch, others_of([one.clip for one in self.seen]))

    @torch.no_grad()
    def _latents(self, sample: int) -> Mapping[str, Tensor]:
        batch = self.windows.__getitems__([sample])
        return encode_windows(self.opened_vae, batch) if self.windows.not_cached else batch

    def _made(self, net: Reached, audio_NFNA: Tensor) -> np.ndarray:
        """Paints, decodes and lays the faces over their clips, one window after the other: they may be large."""
        prompt_LX = self.prompt_of(net.net)
        with self.vae_on(net.device) as vae:
            return np.stack([
                self._one(net, vae, n, audio_NFNA[n : n + 1], prompt_LX) for n in range(len(audio_NFNA))
            ])  # fmt: skip

    def _one(
        self, net: Reached, vae: AutoencoderKLWan, n: int, audio_1FNA: Tensor, prompt_LX: Tensor | None
    ) -> np.ndarray:
        masked, reference = (self._prepared.batch[key][n : n + 1] for key in KEYS[:2])
        noise = seeded(masked.shape, n)
        z = painted(cast(Any, net), masked, reference, audio_1FNA, noise, self.sampling, prompt_LX=prompt_LX)
        seen, rgb_FHWC = self.seen[n], decoded(vae, z)
        over_FHW1 = feathered(seen.paint_FHW[None])[0][..., None]
        return (over_FHW1 * rgb_FHWC + (1 - over_FHW1) * seen.rgb_FHWC).round().astype(np.uint8)

    def _pictures(self, made_NFHWC: np.ndarray, swapped_NFHWC: np.ndarray | None) -> Mapping[str, bytes]:
        seen = self.seen[:SHOWN]
        shown = {"clip": np.stack([one.rgb_FHWC for one in seen]), "made": made_NFHWC[:SHOWN]}
        if swapped_NFHWC is not None:
            shown["another's sound"] = swapped_NFHWC[:SHOWN]
        sounds = [one.sound for one in seen]
        return {"clips.png": film_grid(shown), "clips.mp4": film_video(shown, sounds, FPS, RATE)}


def against_truth(
    seen: Sequence[SeenWindow], made_NFHWC: np.ndarray, swapped_NFHWC: np.ndarray | None
) -> dict[str, float]:
    """PSNR on the lips and where was painted; and on the lips with another's sound, and how much less that is."""
    truth, paint, lips = (
        np.stack([getattr(one, name) for one in seen]) for name in ("rgb_FHWC", "paint_FHW", "lips_FHW")
    )
    if not lips.any():
        return {}
    metrics = {
        "psnr_lips": decibels(made_NFHWC, truth, lips),
        "psnr_mask": decibels(made_NFHWC, truth, paint),
    }
    if swapped_NFHWC is not None:
        metrics["psnr_lips_other_sound"] = decibels(swapped_NFHWC, truth, lips)
        metrics["heard_db"] = metrics["psnr_lips"] - metrics["psnr_lips_other_sound"]
    return metrics


def others_of(clips: Sequence[str]) -> list[int]:
    """Returns for each window the next one that is of another clip, the first coming after the last."""
    count = len(clips)
    after = [[(n + step) % count for step in range(1, count)] for n in range(count)]
    return [next((m for m in after[n] if clips[m] != clips[n]), n) for n in range(count)]
