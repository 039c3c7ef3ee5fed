"""The training windows of a dataset version, as batches for the generator; a map-style dataset of torch.

    windows = ClipWindows("redub-data/demo/catalog", "v1", "train")
    loader = DataLoader(windows, batch_size=8, collate_fn=default_convert, num_workers=2,
                        multiprocessing_context="spawn")

A whole batch is asked for at once, and costs one read of each table. Where the version has latents of the same VAE
and windows, no video is read. It pickles: a worker opens the tables for itself, and needs no VAE.

B samples, F frames or latent frames, H by W pixels or latents, N features a latent frame of A numbers.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.audio.packed import span, unpack_span
from models.audio.windows import windows_of_latents
from models.weights.digests import digest
from storage.batches.frames import frames_at
from storage.batches.place import Place, WindowIds
from storage.batches.windows import FPS, open_windows
from storage.ledger.catalog import Catalog, existing_catalog
from tasks.facemask import inpaint_mask, visible_mask
from tasks.latent_windows import WindowShape, unpack_latent, unpack_window
from tasks.masks import unpack
from tasks.training.latent_weights import latent_weights

NEEDED = ("ingest", "occluders", "facemask", "hearing")
CACHED = "latents"


class ClipWindows:
    """Windows of `frames` frames, every `stride` of a clip's; `window` features of the sound for each latent frame.

    The reference of a sample is the first frame of another window of its clip, the same one in every epoch.
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
        self._pixels, self._frames, self._stride = latent_grid(vae).pixels, frames, stride
        opened = existing_catalog(catalog) if isinstance(catalog, str) else catalog
        self._windows = open_windows(opened, tag, split, frames, stride, NEEDED, (CACHED,))
        self.not_cached = self._why_not_cached(vae)
        """Why pixels are given and not latents; empty where it's latents."""

    def __len__(self) -> int:
        return len(self._windows.places)

    @property
    def ids(self) -> WindowIds:
        return self._windows.ids

    def __getitems__(self, samples: Sequence[int]) -> dict[str, Any]:
        places = [self._windows.places[sample] for sample in samples]
        ids = [self.ids[sample] for sample in samples]
        others = [self._windows.places.another(*pair) for pair in zip(places, ids, strict=True)]
        face, lips, occluded = self._masks(places)
        weights = {
            "face_BFHW": stacked([latent_weights(one_FHW, self._pixels) for one_FHW in face]),
            "lips_BFHW": stacked(
                [
                    latent_weights(visible_mask(*pair), self._pixels)
                    for pair in zip(lips, occluded, strict=True)
                ]
            ),
        }
        batch = {"id": ids, "audio_BFNA": self._audio(places), **weights}
        if not self.not_cached:
            return batch | self._latent_batch(places, others)
        keep = [inpaint_mask(*pair) for pair in zip(face, occluded, strict=True)]
        return batch | self._pixel_batch(places, others) | {"inpaint_BFHW": stacked(keep)}

    # -- what is stored ------------------------------------------------------------------------------------

    def _rows(self, stage: str, places: Sequence[Place]) -> list[int]:
        row_N = self._windows.columns[f"{stage}_row"]
        return [int(row_N[place.clip]) for place in places]

    def _number(self, column: str, place: Place) -> int:
        return int(self._windows.columns[column][place.clip])

    def _masks(self, places: Sequence[Place]) -> list[list[np.ndarray]]:
        """Of the frames of each window: face, lips, occluders."""
        found = []
        for stage, column in (
            ("facemask", "face_masks"),
            ("facemask", "lip_masks"),
            ("occluders", "occluder_masks"),
        ):
            packed = self._windows.blobs.whole(stage, column, self._rows(stage, places))
            found.append(
                [
                    unpack(data, slice(p.first, p.first + self._frames))
                    for data, p in zip(packed, places, strict=True)
                ]
            )
        return found

    def _audio(self, places: Sequence[Place]) -> Tensor:
        """Float32 (B, F, N, A), where A are the numbers of all layers that were kept."""
        near = [
            windows_of_latents(p.first, self._latents, self._number("hearing_positions", p), self._spread)
            for p in places
        ]
        sizes = [(self._number("hearing_layers", p), self._number("hearing_numbers", p)) for p in places]
        spans = [
            span(int(near_FN.min()), int(near_FN.max() - near_FN.min()) + 1, *size)
            for near_FN, size in zip(near, sizes, strict=True)
        ]
        rows = self._rows("hearing", places)
        parts = self._windows.blobs.parts(
            "hearing", "heard", [(r, *s) for r, s in zip(rows, spans, strict=True)]
        )
        heard = [
            unpack_span(part, *size)[near_FN - near_FN.min()].reshape(*near_FN.shape, -1)
            for part, size, near_FN in zip(parts, sizes, near, strict=True)
        ]
        return stacked(heard).float()

    # -- pixels --------------------------------------------------------------------------------------------

    def _pixel_batch(self, places: Sequence[Place], others: Sequence[Place]) -> dict[str, Tensor]:
        videos = self._windows.blobs.whole("ingest", "video", self._rows("ingest", places))
        clips, references = [], []
        for video, place, other in zip(videos, places, others, strict=True):
            numbers = range(place.first, place.first + self._frames)
            found = frames_at(video, [*numbers, other.first], FPS, self._windows.clips[place.clip].as_py())
            clips.append(np.stack([found[number] for number in numbers]))
            references.append(found[other.first])
        return {"video_BFHWC": stacked(clips), "reference_BHWC": stacked(references)}

    # -- latents -------------------------------------------------------------------------------------------

    def _latent_batch(self, places: Sequence[Place], others: Sequence[Place]) -> dict[str, Tensor]:
        """One request for the windows and the first latents of the others."""
        shapes, rows = [self._shape(place) for place in places], self._rows(CACHED, places)
        wanted = [(r, *s.window(self._stored(p))) for r, s, p in zip(rows, shapes, places, strict=True)]
        wanted += [
            (r, *s.first_latent(self._stored(p))) for r, s, p in zip(rows, shapes, others, strict=True)
        ]
        parts = self._windows.blobs.parts(CACHED, "window_latents", wanted)
        windows_B2FCHW = stacked(
            [unpack_window(*pair) for pair in zip(parts[: len(places)], shapes, strict=True)]
        )
        references = [unpack_latent(*pair) for pair in zip(parts[len(places) :], shapes, strict=True)]
        target_BCFHW, masked_BCFHW = windows_B2FCHW.float().transpose(2, 3).unbind(1)
        return {
            "target_BCFHW": target_BCFHW,
            "masked_BCFHW": masked_BCFHW,
            "reference_BCHW": stacked(references).float(),
        }

    def _shape(self, place: Place) -> WindowShape:
        sizes = ("latents", "channels", "height", "width")
        return WindowShape(*(self._number(f"{CACHED}_{name}", place) for name in sizes))

    def _stored(self, place: Place) -> int:
        """Number of the stored window that begins where this one does."""
        return place.first // self._windows.made[CACHED].config["stride"]

    def _why_not_cached(self, vae: str) -> str:
        if not self._windows.has(CACHED):
            return "the version was made without latents (`redub rebuild --set latents=on`)"
        made = self._windows.made[CACHED]
        if digest(vae) not in made.weights.values():
            return f"the version's latents are of {made.config['vae']}, not of {vae}"
        if made.config["frames"] != self._frames or self._stride % made.config["stride"]:
            return (
                f"the version's latents are of {made.config['frames']} frames every {made.config['stride']}, "
                f"not of {self._frames} every {self._stride}"
            )
        return ""


def stacked(arrays: Sequence[np.ndarray]) -> Tensor:
    """One tensor of arrays that are alike."""
    return torch.from_numpy(np.stack(arrays))
