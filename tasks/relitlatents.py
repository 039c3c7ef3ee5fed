"""Encodes the training windows of both halves of each accepted pair in its second light, where it was relit.

It is to `relight` what `latents` and `pairlatents` are to clips and companions, and is left out as they are unless
asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.ledger.rows import Blob
from tasks.latent_windows import pack
from tasks.pairverdict import PairVerdict
from tasks.relight import Relight
from tasks.window_stage import WindowsRow, WindowStage, frames_of


@dataclass(frozen=True)
class RelitLatentsInput:
    """A pair that was accepted, in its second light if it has one."""

    id: str
    relit_video: Blob | None
    relit_companion_video: Blob | None


@dataclass(frozen=True)
class RelitLatentsRow(WindowsRow):
    """The windows of both halves; none where the pair was not relit, or is shorter than one.

    Where it was not relit all sizes are 0, and nothing is missing.
    """

    relit_latents: Blob | None
    """The windows of V in that light (tasks/latent_windows.py), one encoding each."""
    relit_companion_latents: Blob | None
    """Those of V'."""


class RelitLatents(WindowStage):
    """The stage: a relit pair in, its windows' latents out."""

    name = "relitlatents"
    reads = (PairVerdict, Relight)
    Input = RelitLatentsInput
    Output = RelitLatentsRow

    def __call__(self, rows: Sequence[RelitLatentsInput]) -> list[RelitLatentsRow]:
        return [self._one(row) for row in rows]

    def _one(self, row: RelitLatentsInput) -> RelitLatentsRow:
        if row.relit_video is None or row.relit_companion_video is None:
            return RelitLatentsRow(row.id, 0, 0, 0, 0, 0, 0, None, None)
        own_FHWC = _frames(row.id, row.relit_video)
        other_FHWC = _frames(row.id, row.relit_companion_video)
        if own_FHWC.shape != other_FHWC.shape:
            raise ValueError(
                f"clip {row.id} relit is {own_FHWC.shape[:3]} (frames, height, width), its companion "
                f"{other_FHWC.shape[:3]}; relight the pair again"
            )
        return RelitLatentsRow(
            id=row.id,
            **self.counts(own_FHWC),
            relit_latents=pack(self.singles(own_FHWC)),
            relit_companion_latents=pack(self.singles(other_FHWC)),
        )


def _frames(name: str, video: bytes) -> np.ndarray:
    return frames_of(video, f"the relit pair {name}", "relight it again")
