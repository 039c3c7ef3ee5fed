"""The training windows of a dataset version, as batches for SyncNet; a map-style dataset of torch.

Faces are cropped upright by the five points that the clip's row keeps, as models/sync/syncnet.py crops them to judge:
without that, SyncNet's accuracy falls from 94 % to 61 %. Needs no other stage than `ingest`: neither hearing nor
latents. It pickles: a worker opens the tables for itself. B samples, F frames, C coefficients, T columns of sound.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from models.sync.mfcc import RATE
from models.sync.net import Sizes
from models.sync.syncnet import crops_at, heard_between, places
from storage.batches.frames import frames_at
from storage.batches.place import Place, WindowIds
from storage.batches.windows import FPS, open_windows
from storage.ledger.catalog import Catalog, existing_catalog
from storage.media.container import open_media
from storage.media.decode import decode_audio
from tasks.ingest.track_data import TrackData

STAGE = "ingest"


class SyncWindows:
    """Windows of `frames` frames, every `stride` of a clip's, with room about the crop (`Sizes.roomy`)."""

    def __init__(
        self, catalog: Catalog | str, tag: str, split: str, frames: int, stride: int, sizes: Sizes
    ) -> None:
        opened = existing_catalog(catalog) if isinstance(catalog, str) else catalog
        self._windows = open_windows(opened, tag, split, frames, stride, (STAGE,))
        self._frames, self._crop = frames, sizes.roomy()

    def __len__(self) -> int:
        return len(self._windows.places)

    @property
    def ids(self) -> WindowIds:
        return self._windows.ids

    def __getitems__(self, samples: Sequence[int]) -> dict[str, Any]:
        """Returns one batch: uint8 lips (BGR, as published), and what is heard with them."""
        chosen = [self._windows.places[sample] for sample in samples]
        videos, tracks, sounds = (self._blobs(column, chosen) for column in ("video", "track_data", "audio"))
        lips = [self._lips(*one) for one in zip(videos, tracks, chosen, strict=True)]
        heard = [self._heard(sound, place) for sound, place in zip(sounds, chosen, strict=True)]
        return {
            "id": [self.ids[sample] for sample in samples],
            "lips_B3FHW": torch.from_numpy(np.stack(lips)).transpose(1, 2).contiguous(),
            "mfcc_BCT": torch.from_numpy(np.stack(heard)),
        }

    def _blobs(self, column: str, chosen: Sequence[Place]) -> list[bytes]:
        return self._windows.blobs.whole(STAGE, column, self._windows.rows(STAGE, chosen))

    def _lips(self, video: bytes, track: bytes, place: Place) -> np.ndarray:
        """The face's place is smoothed over the whole clip, so a window's ends are as steady as its middle."""
        numbers = range(place.first, place.first + self._frames)
        found = frames_at(video, numbers, FPS, self._windows.clips[place.clip].as_py())
        place_F4 = places(TrackData.from_bytes(track).five_T52)[place.first : numbers.stop]
        return crops_at(np.stack([found[number] for number in numbers]), place_F4, self._crop)

    def _heard(self, sound: bytes, place: Place) -> np.ndarray:
        with open_media(io.BytesIO(sound)) as media:
            samples = decode_audio(media, rate=RATE).samples
        return heard_between(samples, place.first, self._frames)
