"""The training windows of a dataset version, as batches for the generator; a map-style dataset of torch.

    windows = ClipWindows("redub-data/demo/catalog", "v1", "train")
    loader = DataLoader(windows, batch_size=8, collate_fn=default_convert, num_workers=2,
                        multiprocessing_context="spawn")

A whole batch is asked for at once, and costs one read of each column of bytes. Where the version has latents of the
same VAE and windows, no video is read. It pickles: a worker opens the tables for itself, and needs no VAE.

B samples, F frames or latent frames, H by W pixels or latents, N features a latent frame of A numbers.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from storage.batches.place import Place
from storage.ledger.catalog import Catalog
from tasks.facemask import inpaint_mask
from tasks.training import stored_latents
from tasks.training.version_windows import VersionWindows


class ClipWindows(VersionWindows):
    """Windows of clips.

    The reference of a sample is the first frame of another window of its clip, the same one in every epoch: one that
    shares no frame with it, or in a short clip the farthest; where there is no other, its own first frame.
    """

    def __init__(
        self,
        catalog: Catalog | str,
        tag: str,
        split: str,
        frames: int = 25,
        stride: int = 12,
        vae: str = "mini:vae",
        window: int = 16,
    ) -> None:
        super().__init__(catalog, tag, split, frames, stride, vae, window)

    def __getitems__(self, samples: Sequence[int]) -> dict[str, Any]:
        places = [self.place(sample) for sample in samples]
        ids = [self.ids[sample] for sample in samples]
        others = [self.stored.places.another(*pair) for pair in zip(places, ids, strict=True)]
        masks = self._masks(places)
        batch = {"id": ids} | self._labels(places, masks)
        if not self.not_cached:
            return batch | stored_latents.latents(self.stored, places, others)
        inpaint_BFHW = torch.from_numpy(inpaint_mask(masks.face_BFHW, masks.occluded_BFHW))
        return batch | {"inpaint_BFHW": inpaint_BFHW} | self._pictures(places, others)

    def videos(self, samples: Sequence[int]) -> np.ndarray:
        places = [self.place(sample) for sample in samples]
        return self._pictures(places, places)["video_BFHWC"].numpy()

    def _pictures(self, places: Sequence[Place], others: Sequence[Place]) -> dict[str, Tensor]:
        videos = self.stored.blobs.whole("ingest", "video", self.stored.rows("ingest", places))
        clips, references = [], []
        for video, place, other in zip(videos, places, others, strict=True):
            found = self._decoded(video, place, [other.first])
            clips.append(self._frames_of(found, place))
            references.append(found[other.first])
        return {
            "video_BFHWC": torch.from_numpy(np.stack(clips)),
            "reference_BHWC": torch.from_numpy(np.stack(references)),
        }
