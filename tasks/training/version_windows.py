"""What the training windows of a dataset version have in common, whoever learns from them: places, masks and sound.

B samples, F frames or latent frames, H by W pixels or latents, N features a latent frame of A numbers.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from models.sync.syncnet import heard_between
from models.vae.latent_weights import latent_weights
from models.weights.digests import digest
from storage.batches.frames import frames_at
from storage.batches.place import Place
from storage.batches.windows import FPS, open_windows
from storage.ledger.catalog import Catalog, existing_catalog
from tasks.facemask import visible_mask
from tasks.ingest.track_data import TrackData
from tasks.masks import unpack
from tasks.training import seen_windows, stored_latents, stored_sound
from tasks.training.seen_windows import SeenWindow
from tasks.training.stored_latents import Wanted

NEEDED = ("ingest", "occluders", "facemask", stored_sound.STAGE)
AS_PIXELS = "pixels were asked for"
MASKS = (("facemask", "face_masks"), ("facemask", "lip_masks"), ("occluders", "occluder_masks"))


@dataclass(frozen=True)
class Masks:
    """Of some windows, frame by frame."""

    face_BFHW: np.ndarray
    lips_BFHW: np.ndarray
    """Where nothing is in front of them."""
    occluded_BFHW: np.ndarray


class VersionWindows(ABC):
    """Windows of `frames` frames, every `stride` of a clip's; `window` features of the sound for each latent frame.

    `more` are stages that it needs besides those that all do, `optional` those of which it takes what is there. It
    pickles: a worker opens the tables for itself.
    """

    def __init__(
        self,
        catalog: Catalog | str,
        tag: str,
        split: str,
        frames: int,
        stride: int,
        vae: str,
        window: int = 16,
        more: Sequence[str] = (),
        optional: Sequence[str] = (),
    ) -> None:
        # Whoever opens it pays for diffusers; a worker, which gets it by pickle, does not.
        from models.dubbing.request import frames_to_either_side
        from models.vae.opening import latent_grid
        from models.vae.shapes import latents_of

        self._latents, self._spread = latents_of(frames), frames_to_either_side(window)
        self._pixels, self._frames = latent_grid(vae).pixels, frames
        opened = existing_catalog(catalog) if isinstance(catalog, str) else catalog
        needed, optional = (*NEEDED, *more), (stored_latents.STAGE, *optional)
        self.stored = open_windows(opened, tag, split, frames, stride, needed, optional)
        self._wanted = Wanted(vae, digest(vae), frames, stride)
        self.not_cached = self._wanted.why_not(self.stored)
        """Why the clips are given as pixels and not as latents; empty where it's latents."""

    def __len__(self) -> int:
        return len(self.stored.places)

    @property
    def ids(self) -> Sequence[str]:
        return self.stored.ids

    def place(self, sample: int) -> Place:
        """Returns where a sample lies in its clip."""
        return self.stored.places[sample]

    def from_videos(self) -> Self:
        """Returns the same windows as pixels, whether their latents are cached or not."""
        same = copy(self)
        same.not_cached = AS_PIXELS
        return same

    @property
    def why_videos(self) -> str:
        """Why each batch has videos decoded; empty where all is latents."""
        return self.not_cached

    @property
    def kept_by(self) -> tuple[str, ...]:
        """The stages that have to keep latents for that."""
        return (stored_latents.STAGE,)

    @abstractmethod
    def __getitems__(self, samples: Sequence[int]) -> dict[str, Any]:
        """Returns one batch."""

    @abstractmethod
    def videos(self, samples: Sequence[int]) -> np.ndarray:
        """Returns the windows' own frames (B, F, H, W, 3), which a training is to make."""

    def seen(self, samples: Sequence[int]) -> Sequence[SeenWindow]:
        """Returns windows as a person sees and hears them."""
        places = [self.place(sample) for sample in samples]
        masks, tracks = self._masks(places), seen_windows.tracks(self.stored, places)
        each = zip(
            [self.ids[sample] for sample in samples],
            self.videos(samples),
            visible_mask(masks.face_BFHW, masks.occluded_BFHW),
            masks.lips_BFHW,
            seen_windows.sounds(self.stored, places, self._frames),
            *zip(*map(self._of_track, tracks, places), strict=True),
            strict=True,
        )
        return [SeenWindow(*one) for one in each]

    def config(self, stage: str) -> Mapping[str, Any]:
        """Returns how the version's rows of a stage were computed."""
        return self.stored.made[stage].config

    def _labels(self, places: Sequence[Place], masks: Masks) -> dict[str, Tensor]:
        """What every batch has besides pictures."""
        return {
            "audio_BFNA": stored_sound.features(self.stored, places, self._latents, self._spread),
            "face_BFHW": self._weights(masks.face_BFHW),
            "lips_BFHW": self._weights(masks.lips_BFHW),
        }

    def _five(self, places: Sequence[Place]) -> Tensor:
        """Returns the five points of the face in the windows' own frames (B, F, 5, 2)."""
        tracks = seen_windows.tracks(self.stored, places)
        five = [track.five_T52[self._span(place)] for track, place in zip(tracks, places, strict=True)]
        return torch.from_numpy(np.stack(five))

    def _heard(self, places: Sequence[Place]) -> Tensor:
        """Returns what SyncNet hears with the windows' own frames (B, C, T), for which all of a clip's sound is decoded."""
        stored = self.stored.blobs.whole("ingest", "audio", self.stored.rows("ingest", places))
        heard = [
            heard_between(seen_windows.decoded(data), place.first, self._frames)
            for data, place in zip(stored, places, strict=True)
        ]
        return torch.from_numpy(np.stack(heard).astype(np.float32))

    def _masks(self, places: Sequence[Place]) -> Masks:
        face_BFHW, lips_BFHW, occluded_BFHW = (self._unpacked(*one, places) for one in MASKS)
        return Masks(face_BFHW, visible_mask(lips_BFHW, occluded_BFHW), occluded_BFHW)

    def _unpacked(self, stage: str, column: str, places: Sequence[Place]) -> np.ndarray:
        packed = self.stored.blobs.whole(stage, column, self.stored.rows(stage, places))
        return np.stack([unpack(data, self._span(place)) for data, place in zip(packed, places, strict=True)])

    def _weights(self, mask_BFHW: np.ndarray) -> Tensor:
        return latent_weights(torch.from_numpy(mask_BFHW), self._pixels)

    def _of_track(self, track: TrackData, place: Place) -> tuple[np.ndarray, ...]:
        """Points, the five of them, and opening of the mouth, in the window's own frames."""
        span = self._span(place)
        return track.points_TK2[span], track.five_T52[span], track.opening_T[span]

    def _decoded(self, video: bytes, place: Place, more: Sequence[int] = ()) -> Mapping[int, np.ndarray]:
        """A window's frames by their numbers in the clip, and some more."""
        numbers = range(place.first, place.first + self._frames)
        return frames_at(video, [*numbers, *more], FPS, self.stored.clips[place.clip].as_py())

    def _frames_of(self, found: Mapping[int, np.ndarray], place: Place) -> np.ndarray:
        return np.stack([found[place.first + number] for number in range(self._frames)])

    def _span(self, place: Place) -> slice:
        return slice(place.first, place.first + self._frames)
