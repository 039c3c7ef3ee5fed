"""Windows of clips in the place of pairs: what the editor's phases can be tried on before a generator has painted any.

    windows = ClipsAsPairs("redub-data/demo/catalog", "v1", "train", frames=25, stride=12, vae="mini:vae")

A clip's own frames backwards stand for its companion: the same person in the same place, with other lips. All else is
what pairs of these clips will have, so what a phase hears, crops, decodes and holds in memory is what it will be. Nobody
learns from it. B samples, F frames, H by W pixels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from tasks.training import stored_latents
from tasks.training.version_windows import VersionWindows


class ClipsAsPairs(VersionWindows):
    """Batches as those of `ClipPairs`, with all that any phase asks for."""

    def __getitems__(self, samples: Sequence[int]) -> dict[str, Any]:
        places = [self.place(sample) for sample in samples]
        video_BFHWC = torch.from_numpy(self.videos(samples))
        if self.not_cached:
            own = {"video_BFHWC": video_BFHWC}
        else:
            own = {"target_BCFHW": stored_latents.single_latents(self.stored, stored_latents.OWN, places)}
        return {
            "id": [self.ids[sample] for sample in samples],
            "companion_BFHWC": video_BFHWC.flip(1),
            **self._labels(places, self._masks(places)),
            **own,
            "five_BF52": self._five(places),
            "mfcc_BCT": self._heard(places),
        }

    def videos(self, samples: Sequence[int]) -> np.ndarray:
        places = [self.place(sample) for sample in samples]
        stored = self.stored.blobs.whole("ingest", "video", self.stored.rows("ingest", places))
        both = zip(stored, places, strict=True)
        return np.stack([self._frames_of(self._decoded(video, place), place) for video, place in both])
