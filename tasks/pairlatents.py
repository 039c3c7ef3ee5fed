"""Encodes the training windows of each accepted companion once, beside those that `latents` keeps of its clip.

Windows and VAE should be those of `latents`: then an editor's training neither decodes V nor V'. A pair's second light
is encoded by `relitlatents`, so that another light computes nothing here. Nothing reads this stage but trainings, and
it is left out unless asked for: half precision takes more room than H.264.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from storage.ledger.rows import Blob
from tasks.companion import Companion
from tasks.latent_windows import pack
from tasks.pairverdict import PairVerdict
from tasks.window_stage import WindowsRow, WindowStage, frames_of


@dataclass(frozen=True)
class PairLatentsInput:
    """A pair that was accepted."""

    id: str
    companion_video: Blob


@dataclass(frozen=True)
class PairLatentsRow(WindowsRow):
    """The windows of one companion; none where it is shorter than one."""

    companion_latents: Blob
    """The windows of V' (tasks/latent_windows.py), one encoding each."""


class PairLatents(WindowStage):
    """The stage: a companion in, its windows' latents out."""

    name = "pairlatents"
    reads = (PairVerdict, Companion)
    Input = PairLatentsInput
    Output = PairLatentsRow

    def __call__(self, rows: Sequence[PairLatentsInput]) -> list[PairLatentsRow]:
        return [self._one(row) for row in rows]

    def _one(self, row: PairLatentsInput) -> PairLatentsRow:
        rgb_FHWC = frames_of(row.companion_video, f"the companion of {row.id}", "make it again")
        packed = pack(self.singles(rgb_FHWC))
        return PairLatentsRow(id=row.id, **self.counts(rgb_FHWC), companion_latents=packed)
