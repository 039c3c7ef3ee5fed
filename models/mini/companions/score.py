"""Compares one companion with its clip and with the truth: what the lips do, who is seen, what else has changed.

The truth itself can be compared the same way: that says how good anything could look to these judges.
F frames of H by W pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.faces import load_face, load_identity
from models.mini.companions.films import SOURCE, TRUTH, Film
from models.mini.generator.scores import decibels, likeness, seen_mouth
from models.pairs.over_time import seam
from models.sync.syncnet import SyncNet
from models.world.body.head import head

IDENTITY_STEP = 8
"""Every eighth frame is asked who it shows, from the fourth on."""


@dataclass(frozen=True)
class Score:
    """What is found of one companion."""

    openings_3F: np.ndarray
    """How open the mouth looks, should be, and was in the clip."""
    clear: bool
    """Whether nothing is before the face, so that its lips can be read."""
    identity: float
    sync: float
    """Sync-C with the sound that it says."""
    outside_db: float
    """Against the clip, where nothing was painted."""
    occluder_db: float
    """NaN where nothing is before the face."""
    lips_db: float
    """Against the truth."""
    seam: float
    """Change of the painted part where segments meet, over that within them; NaN for one segment."""


class Judges:
    """What looks at companions: loaded once."""

    def __init__(self) -> None:
        embedder = load_identity("mini:identity")
        assert embedder is not None
        self.embedder = embedder
        self.faces, self.syncnet = load_face("mini", "mini:face"), SyncNet("mini:syncnet")

    def score(self, film: Film, made_FHWC: np.ndarray, borders: Sequence[int]) -> Score:
        """`borders`: the first new frame of each segment but the first."""
        pair = film.pair
        frames = range(IDENTITY_STEP // 2, len(made_FHWC), IDENTITY_STEP)
        five_F52 = pair.landmarks_2FL2[SOURCE][:, head().five()]
        read_F = seen_mouth(self.faces, pair, made_FHWC)[:, 0]
        wanted_F, was_F = (pair.said[which].mouth_F3[:, 0] for which in (TRUTH, SOURCE))
        paint_FHW, occluder_FHW = pair.paint_2FHW[SOURCE], pair.occluder_2FHW[SOURCE]
        return Score(
            openings_3F=np.stack([read_F, wanted_F, was_F]),
            clear=not pair.occluder,
            identity=likeness(self.embedder, pair, made_FHWC, film.clip_FHWC, frames),
            sync=self.syncnet.score(made_FHWC, five_F52, film.sound).confidence,
            outside_db=decibels(made_FHWC, film.clip_FHWC, ~paint_FHW),
            occluder_db=decibels(made_FHWC, film.clip_FHWC, occluder_FHW)
            if occluder_FHW.any()
            else float("nan"),
            lips_db=decibels(made_FHWC, film.truth_FHWC, pair.lips_2FHW[TRUTH]),
            seam=_number(seam(made_FHWC, paint_FHW, borders)),
        )


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
