"""The training windows of a dataset version, as batches for the generator; a map-style dataset of torch.

    windows = ClipWindows("redub-data/demo/catalog", "v1", "train")
    loader = DataLoader(windows, batch_size=8, collate_fn=default_convert, num_workers=2,
                        multiprocessing_context="spawn")

A whole batch is asked for at once, and costs one read of each column of bytes. Where the version has latents of the
same VAE and windows, no video is read. It pickles: a worker opens the tables for itself, and needs no VAE.

B samples, F frames or latent frames, H by W pixels or latents, N features a latent frame of A numbers.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.vae.latent_weights import latent_weights
from models.weights.digests import digest
from storage.batches.frames import frames_at
from storage.batches.place import Place, WindowIds
from storage.batches.windows import FPS, open_windows
from storage.ledger.catalog import Catalog, existing_catalog
from tasks.facemask import inpaint_mask, visible_mask
from tasks.masks import unpack
from tasks.training import seen_windows, stored_latents, stored_sound

NEEDED = ("ingest", "occluders", "facemask", stored_sound.STAGE)
MASKS = (("facemask", "face_masks"), ("facemask", "lip_masks"), ("occluders", "occluder_masks"))


class ClipWindows:
    """Windows of `frames` frames, every `stride` of a clip's; `window` features of the sound for each latent frame.

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
        # Whoever opens it pays for diffusers; a worker, which gets it by pickle, does not.
        from models.dubbing.request import frames_to_either_side
        from models.vae.opening import latent_grid
        from models.vae.shapes import latents_of

        self._latents, self._spread = latents_of(frames), frames_to_either_side(window)
        self._pixels, self._frames = latent_grid(vae).pixels, frames
        opened = existing_catalog(catalog) if isinstance(catalog, str) else catalog
        self.stored = open_windows(opened, tag, split, frames, stride, NEEDED, (stored_latents.STAGE,))
        self.not_cached = stored_latents.why_not(self.stored, vae, digest(vae), frames, stride)
        """Why pixels are given and not latents; empty where it's latents."""

    def __len__(self) -> int:
        return len(self.stored.places)

    @property
    def ids(self) -> WindowIds:
        return self.stored.ids

    def from_videos(self) -> "ClipWindows":
        """Returns the same windows as pixels, whether their latents are cached or not."""
        same = copy(self)
        same.not_cached = "pixels were asked for"
        return same

    def __getitems__(self, samples: Sequence[int]) -> dict[str, Any]:
        places = [self.stored.places[sample] for sample in samples]
        ids = [self.ids[sample] for sample in samples]
        others = [self.stored.places.another(*pair) for pair in zip(places, ids, strict=True)]
        face_BFHW, lips_BFHW, occluded_BFHW = (self._masks(*one, places) for one in MASKS)
        batch = {
            "id": ids,
            "audio_BFNA": stored_sound.features(self.stored, places, self._latents, self._spread),
            "face_BFHW": self._weights(face_BFHW),
            "lips_BFHW": self._weights(visible_mask(lips_BFHW, occluded_BFHW)),
        }
        if not self.not_cached:
            return batch | stored_latents.latents(self.stored, places, others)
        inpaint_BFHW = torch.from_numpy(inpaint_mask(face_BFHW, occluded_BFHW))
        return batch | {"inpaint_BFHW": inpaint_BFHW} | self._pictures(places, others)

    def seen(self, samples: Sequence[int]) -> list[seen_windows.SeenWindow]:
        """Returns windows as a person sees and hears them."""
        places = [self.stored.places[sample] for sample in samples]
        face_BFHW, lips_BFHW, occluded_BFHW = (self._masks(*one, places) for one in MASKS)
        sounds = seen_windows.sounds(self.stored, places, self._frames)
        each = zip(
            [self.ids[sample] for sample in samples],
            self._pictures(places, places)["video_BFHWC"].numpy(),
            visible_mask(face_BFHW, occluded_BFHW),
            visible_mask(lips_BFHW, occluded_BFHW),
            sounds,
            *zip(*map(self._track, places), strict=True),
            strict=True,
        )
        return [seen_windows.SeenWindow(*one) for one in each]

    def config(self, stage: str) -> Mapping[str, Any]:
        """Returns how the version's rows of a stage were computed."""
        return self.stored.made[stage].config

    def _track(self, place: Place) -> tuple[np.ndarray, ...]:
        (track,) = seen_windows.tracks(self.stored, [place])
        span = slice(place.first, place.first + self._frames)
        return track.points_TK2[span], track.five_T52[span], track.opening_T[span]

    def _masks(self, stage: str, column: str, places: Sequence[Place]) -> np.ndarray:
        packed = self.stored.blobs.whole(stage, column, self.stored.rows(stage, places))
        spans = [slice(place.first, place.first + self._frames) for place in places]
        return np.stack([unpack(data, span) for data, span in zip(packed, spans, strict=True)])

    def _weights(self, mask_BFHW: np.ndarray) -> Tensor:
        return latent_weights(torch.from_numpy(mask_BFHW), self._pixels)

    def _pictures(self, places: Sequence[Place], others: Sequence[Place]) -> dict[str, Tensor]:
        videos = self.stored.blobs.whole("ingest", "video", self.stored.rows("ingest", places))
        clips, references = [], []
        for video, place, other in zip(videos, places, others, strict=True):
            numbers = range(place.first, place.first + self._frames)
            found = frames_at(video, [*numbers, other.first], FPS, self.stored.clips[place.clip].as_py())
            clips.append(np.stack([found[number] for number in numbers]))
            references.append(found[other.first])
        return {
            "video_BFHWC": torch.from_numpy(np.stack(clips)),
            "reference_BHWC": torch.from_numpy(np.stack(references)),
        }
