"""The training windows of a version of pairs, as batches for the editor; a map-style dataset of torch.

    windows = ClipPairs("redub-data/demo/catalog", "v1", "train", mfcc=True)
    batch = windows.__getitems__([0, 1])

V is the clip and what is to be made, V' its companion and what is shown; rendered and imported pairs are pairs as
those that a generator painted. A pair that the stage `relight` relit comes a second time in that light, both halves
and the same sound, under its name with +relit: so an editor that moved light would be wrong. Those come after all others.

Where the version has latents of the same VAE and windows, they are taken from there: V's that `latents` kept, those of
V' that `pairlatents` did. Where any pair is relit, that is only so if `relitlatents` kept its second light, too:
whether a sample's latents went through half precision must not depend on which others are in its batch.

It pickles: a worker opens the tables for itself, and needs no VAE. B samples, F frames or latent frames, H by W pixels
or latents, N features a latent frame of A numbers, C coefficients of T columns of sound.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from storage.batches.place import Numbered, Place, Places, WindowIds
from storage.ledger.catalog import Catalog
from tasks.training import stored_latents
from tasks.training.seen_windows import SeenPair
from tasks.training.stored_latents import OF_PAIRS, OF_RELIT, Kept
from tasks.training.version_windows import AS_PIXELS, VersionWindows

COMPANION, RELIGHT = "companion", "relight"
LIT = "+relit"
SECOND_LIGHT = "pairs are given in a second light too, and"
Half = Mapping[bool, tuple[str, str]]
"""Whether relit -> stage and column of its videos."""
OWN: Half = {False: ("ingest", "video"), True: (RELIGHT, "relit_video")}
OTHER: Half = {False: (COMPANION, "companion_video"), True: (RELIGHT, "relit_companion_video")}
OWN_KEPT = {False: stored_latents.OWN, True: stored_latents.RELIT_OWN}
OTHER_KEPT = {False: stored_latents.COMPANION, True: stored_latents.RELIT_COMPANION}


class ClipPairs(VersionWindows):
    """Windows of pairs. Where asked for: `points`, the five points of the face in V's frames, and `mfcc`, what SyncNet
    hears of V's sound there, for which each clip's sound is decoded. `relit` false leaves the second light out."""

    def __init__(
        self,
        catalog: Catalog | str,
        tag: str,
        split: str,
        frames: int = 25,
        stride: int = 12,
        vae: str = "mini:vae",
        window: int = 16,
        *,
        points: bool = False,
        mfcc: bool = False,
        relit: bool = True,
    ) -> None:
        beside = (RELIGHT, OF_PAIRS, OF_RELIT)
        super().__init__(catalog, tag, split, frames, stride, vae, window, (COMPANION,), beside)
        self._points, self._mfcc = points, mfcc
        given_twice = relit and self.stored.has(RELIGHT)
        is_relit_N = self.stored.columns[f"{RELIGHT}_relit"] if given_twice else False
        self._relit = Places(np.where(is_relit_N, self.stored.columns["ingest_frames"], 0), frames, stride)
        second = self._wanted.why_not(self.stored, OF_RELIT) if len(self._relit) else ""
        second = f"{SECOND_LIGHT} {second}" if second else ""
        self.not_cached = self.not_cached or second
        self.companions_not_cached = self._wanted.why_not(self.stored, OF_PAIRS) or second
        """Why the companions are given as pixels and not as latents; empty where it's latents."""

    def __len__(self) -> int:
        return len(self.stored.places) + len(self._relit)

    @property
    def ids(self) -> Sequence[str]:
        return PairIds(self.stored.ids, WindowIds(self.stored.clips, self._relit))

    def place(self, sample: int) -> Place:
        plain = len(self.stored.places)
        return self.stored.places[sample] if sample < plain else self._relit[sample - plain]

    def __getitems__(self, samples: Sequence[int]) -> dict[str, Any]:
        places = [self.place(sample) for sample in samples]
        batch: dict[str, Any] = {
            "id": [self.ids[sample] for sample in samples],
            **self._labels(places, self._masks(places)),
        }
        if self.companions_not_cached:
            batch["companion_BFHWC"] = torch.from_numpy(self.companions(samples))
        else:
            batch["companion_BCFHW"] = self._latents_of(OTHER_KEPT, samples)
        if self.not_cached:
            batch["video_BFHWC"] = torch.from_numpy(self.videos(samples))
        else:
            batch["target_BCFHW"] = self._latents_of(OWN_KEPT, samples)
        if self._points:
            batch["five_BF52"] = self._five(places)
        if self._mfcc:
            batch["mfcc_BCT"] = self._heard(places)
        return batch

    def from_videos(self) -> Self:
        same = super().from_videos()
        same.companions_not_cached = AS_PIXELS
        return same

    @property
    def why_videos(self) -> str:
        return self.companions_not_cached or self.not_cached

    @property
    def kept_by(self) -> tuple[str, ...]:
        return (*super().kept_by, OF_PAIRS, *([OF_RELIT] if len(self._relit) else []))

    def videos(self, samples: Sequence[int]) -> np.ndarray:
        return self._half(OWN, samples)

    def companions(self, samples: Sequence[int]) -> np.ndarray:
        """Returns the same frames of the other halves (B, F, H, W, 3), in the light of their own."""
        return self._half(OTHER, samples)

    def seen(self, samples: Sequence[int]) -> Sequence[SeenPair]:
        """Returns windows of pairs as a person sees and hears them."""
        both = zip(super().seen(samples), self.companions(samples), strict=True)
        return [SeenPair(**vars(one), companion_FHWC=companion_FHWC) for one, companion_FHWC in both]

    def _half(self, half: Half, samples: Sequence[int]) -> np.ndarray:
        """One read of each light's column."""
        videos = dict(
            chain.from_iterable(self._bytes(*half[lit], some) for lit, some in self._by_light(samples))
        )
        places = [self.place(sample) for sample in samples]
        found = [self._decoded(videos[sample], place) for sample, place in zip(samples, places, strict=True)]
        return np.stack([self._frames_of(*one) for one in zip(found, places, strict=True)])

    def _latents_of(self, half: Mapping[bool, Kept], samples: Sequence[int]) -> Tensor:
        """(B, C, F, H, W), by one read of each light's column."""
        found: dict[int, Tensor] = {}
        for lit, some in self._by_light(samples):
            places = [self.place(sample) for sample in some]
            found |= zip(some, stored_latents.single_latents(self.stored, half[lit], places), strict=True)
        return torch.stack([found[sample] for sample in samples])

    def _by_light(self, samples: Sequence[int]) -> Iterator[tuple[bool, Sequence[int]]]:
        """Those as they were filmed, then the relit ones, where there are any."""
        for lit in (False, True):
            if some := [sample for sample in samples if (sample >= len(self.stored.places)) == lit]:
                yield lit, some

    def _bytes(self, stage: str, column: str, samples: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        rows = self.stored.rows(stage, [self.place(sample) for sample in samples])
        yield from zip(samples, self.stored.blobs.whole(stage, column, rows), strict=True)


class PairIds(Numbered[str]):
    """`<clip id>@<first frame>` of each window, and of those in a second light with +relit."""

    def __init__(self, plain: WindowIds, relit: WindowIds) -> None:
        self._plain, self._relit = plain, relit

    def __len__(self) -> int:
        return len(self._plain) + len(self._relit)

    def one(self, sample: int) -> str:
        plain = len(self._plain)
        return self._plain[sample] if sample < plain else f"{self._relit[sample - plain]}{LIT}"
